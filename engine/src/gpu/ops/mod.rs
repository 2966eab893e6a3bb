//! One `lower_…` for each operation: choose a kernel, bind, dispatch.
//!
//! A `…Params` struct is the uniform struct of the kernel of the same name: same fields, same order.

mod attention;
mod attention_wide;
mod conv3x3;
mod epilogue;
mod guide;
mod linear;
mod norm;
mod pointwise;
mod resample;
mod seen;
mod token;
mod winograd;

use std::ops::Range;

use super::lowering::{Binding, Kernel, KernelConstant, Lowering, ParamsLayout, Rows, Value};
use super::shaders::shader_sources;
use crate::Result;
use crate::graph::{Activation, NodeId, Op};
use resample::Frame;

/// Lowers one node.
pub(super) fn lower(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    match &lowering.node(id).op {
        Op::Input { .. } => Ok(()),
        Op::Linear { .. } => linear::lower_linear(lowering, id),
        Op::Conv3x3 { .. } => conv3x3::lower_conv3x3(lowering, id),
        Op::Attention { .. } => attention::lower_attention(lowering, id),
        Op::Guide => guide::lower_guide(lowering, id),
        Op::Moments => norm::lower_moments(lowering, id),
        Op::Normalise { affine, silu } => norm::lower_normalise(lowering, id, affine, *silu),
        Op::LayerNorm(affine) => norm::lower_layer_norm(lowering, id, affine),
        Op::Add => pointwise::lower_add(lowering, id),
        Op::AddPerImage => pointwise::lower_add_per_image(lowering, id),
        Op::AddScaled { place } => pointwise::lower_add_scaled(lowering, id, *place),
        Op::Activate(activation) => pointwise::lower_activate(lowering, id, *activation),
        Op::Prelu { slopes } => pointwise::lower_prelu(lowering, id, slopes),
        Op::Concat => pointwise::lower_concat(lowering, id),
        Op::Upsample => resample::lower_upsample(lowering, id),
        Op::Pad { wrap, by } => {
            let first = by.map(|by| -(by as isize));
            resample::lower_pad(lowering, id, &Frame { first, wrap: *wrap })
        }
        Op::Rows(rows) => {
            let first = [rows.start as isize, 0];
            resample::lower_pad(lowering, id, &Frame { first, wrap: [false; 2] })
        }
        Op::Convert => pointwise::lower_activate(lowering, id, Activation::None),
        Op::Embed { table, positions } => token::lower_embed(lowering, id, table, positions),
        Op::TakeToken => token::lower_take_token(lowering, id),
        Op::Picture => pointwise::lower_picture(lowering, id),
    }
}

/// Threads of a workgroup in kernels that give a thread eight numbers: `THREADS` in WGSL.
const LANES: usize = 256;

/// The parameters of all kernels.
pub(super) fn layouts() -> Vec<ParamsLayout> {
    vec![
        attention::AttentionParams::LAYOUT,
        attention_wide::SoftmaxParams::LAYOUT,
        conv3x3::ConvParams::LAYOUT,
        guide::GuideParams::LAYOUT,
        linear::LinearParams::LAYOUT,
        norm::MomentsStatsParams::LAYOUT,
        norm::MomentsMergeParams::LAYOUT,
        norm::NormaliseParams::LAYOUT,
        norm::LayerNormParams::LAYOUT,
        pointwise::AddParams::LAYOUT,
        pointwise::AddPerImageParams::LAYOUT,
        pointwise::AddScaledParams::LAYOUT,
        pointwise::ActivateParams::LAYOUT,
        pointwise::PreluParams::LAYOUT,
        pointwise::ConcatParams::LAYOUT,
        pointwise::PictureParams::LAYOUT,
        resample::PlanesParams::LAYOUT,
        token::EmbedParams::LAYOUT,
        token::TakeTokenParams::LAYOUT,
        winograd::InputParams::LAYOUT,
        winograd::WeightParams::LAYOUT,
        winograd::ProductsParams::LAYOUT,
        winograd::FinishParams::LAYOUT,
    ]
}

/// Constants of kernels that their lowering counts with.
pub(super) fn constants() -> Vec<KernelConstant> {
    let in_threads = shader_sources().into_iter().filter(|(_, source)| source.contains("const THREADS"));
    let threads =
        in_threads.map(|(kernel, _)| KernelConstant { kernel, name: "THREADS", value: LANES as u32 });
    threads.chain(norm::CONSTANTS).chain(epilogue::constants()).chain(attention::constants()).collect()
}

/// Some rows of y, and the same rows of every input.
struct Window {
    rows: Range<usize>,
    inputs: Vec<Rows>,
    y: Rows,
}

impl Window {
    /// Threads: one for eight numbers of y.
    fn count(&self, y: &Value) -> usize {
        self.rows.len() * y.eighths()
    }
}

/// A kernel whose every row of y needs the same row of its inputs. It binds these, then what is `beside` them, then y.
struct Rowwise<'a> {
    kernel: Kernel,
    inputs: &'a [Value],
    beside: &'a [Binding],
}

impl Rowwise<'_> {
    /// A dispatch for each window of rows. `params` gives its parameters and how many workgroups it takes.
    fn emit<P: bytemuck::Pod>(
        self,
        lowering: &mut Lowering,
        id: NodeId,
        params: impl Fn(&Window) -> (P, usize),
    ) -> Result<()> {
        let (y, Self { kernel, inputs, beside }) = (lowering.value(id), self);
        let bound =
            |rows: Range<usize>| inputs.iter().chain([&y]).map(|value| (*value, rows.clone())).collect();
        for rows in lowering.windows(y.rows(), 1, bound)? {
            let inputs = inputs.iter().map(|input| lowering.read(input, rows.clone())).collect();
            let window = Window { inputs, y: lowering.write(&y, rows.clone()), rows };
            let (params, workgroups) = params(&window);
            let inputs = window.inputs.into_iter().map(|rows| rows.binding);
            let bindings = inputs.chain(beside.iter().cloned()).chain([window.y.binding]).collect();
            let grid = lowering.fold(workgroups);
            lowering.emit(kernel.clone(), bindings, &params, grid);
        }
        Ok(())
    }
}
