//! The definition of right: every operation as plain loops with sums in f64.
//!
//! Nothing here is shared with the fast code, neither of this backend nor of the other: what both
//! are held against must not have their mistakes. Values are not rounded to a node's element type.

mod attention;
mod embed;
mod guide;
mod norm;
mod pad;
mod picture;
mod pointwise;
mod product;
mod resample;

use crate::backend::HostTensor;
use crate::graph::{Activation, Node, Op};

/// The value of one node, computed alone from the values of its inputs.
///
/// # Panics
/// If the inputs are not those that the operation lists: what a [`crate::graph::Recorder`] made
/// always fits. An [`Op::Input`] takes its own value as its only input.
pub(crate) fn evaluate(node: &Node, inputs: &[&HostTensor]) -> HostTensor {
    match &node.op {
        Op::Input { .. } => inputs[0].clone(),
        Op::Linear { weight, epilogue } => product::linear(node, inputs, weight, epilogue),
        Op::Conv3x3 { .. } => product::conv3x3(node, inputs),
        Op::Attention { heads, causal } => attention::attention(inputs, *heads, *causal),
        Op::Guide => guide::guide(inputs),
        Op::Moments => norm::moments(inputs[0], node.shape),
        Op::Normalise { affine, silu } => {
            let normed = norm::normalise(inputs[0], inputs[1], affine);
            if *silu { pointwise::activate(&normed, Activation::Silu) } else { normed }
        }
        Op::LayerNorm(affine) => norm::layer_norm(inputs[0], affine),
        Op::Add => pointwise::add(inputs[0], inputs[1]),
        Op::AddPerImage => pointwise::add_per_image(inputs[0], inputs[1]),
        Op::AddScaled { place } => pointwise::add_scaled(inputs, *place),
        Op::Activate(activation) => pointwise::activate(inputs[0], *activation),
        Op::Prelu { slopes } => pointwise::prelu(inputs[0], slopes),
        Op::Concat => pointwise::concat(inputs[0], inputs[1]),
        Op::Upsample => resample::upsample(inputs[0], node.shape),
        Op::Pad { wrap, by } => pad::pad(inputs[0], *wrap, *by),
        Op::Rows(rows) => pad::rows(inputs[0], rows),
        Op::Convert => inputs[0].clone(),
        Op::Embed { table, positions } => embed::embed(inputs[0], table, positions),
        Op::TakeToken => embed::take_token(inputs[0], inputs[1]),
        Op::Picture => picture::picture(inputs[0]),
    }
}
