//! Products and convolutions: one sum in f64 for each output, then the epilogue.

use rayon::prelude::*;

use super::pointwise;
use crate::backend::HostTensor;
use crate::graph::{Activation, Epilogue, Node, Op};
use crate::weights::Weight;

/// `activation(x · weightᵀ + bias + per_image) + residual`.
pub(super) fn linear(
    node: &Node,
    inputs: &[&HostTensor],
    weight: &Weight,
    epilogue: &Epilogue,
) -> HostTensor {
    let depth = weight.fan_in();
    let (x, w) = (inputs[0].as_f32(), weight.to_f32());
    let sum = |row: usize, output: usize| -> f64 {
        let (x, w) = (&x[row * depth..][..depth], &w[output * depth..][..depth]);
        x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum()
    };
    finish(node, inputs, epilogue, weight.outputs(), &sum)
}

/// 3×3 convolution, with zeros beyond the picture, then the epilogue.
///
/// # Panics
/// If the node is no convolution.
pub(super) fn conv3x3(node: &Node, inputs: &[&HostTensor]) -> HostTensor {
    let Op::Conv3x3 { weight, window, epilogue } = &node.op else {
        panic!("{} is not a convolution", node.label)
    };
    let from = inputs[0].shape;
    let (x, w) = (inputs[0].as_f32(), weight.to_f32());
    let sum = |row: usize, output: usize| -> f64 {
        let (image, place) = (row / node.shape.pixels(), row % node.shape.pixels());
        let at = [place / node.shape.width, place % node.shape.width];
        let mut sum = 0.0;
        for (dy, dx) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))) {
            let line = window.source(0, (at[0], dy), from.height);
            let (Some(line), Some(column)) = (line, window.source(1, (at[1], dx), from.width)) else {
                continue;
            };
            let pixel = (image * from.height + line) * from.width + column;
            for c in 0..from.channels {
                let w = w[(output * from.channels + c) * 9 + dy * 3 + dx];
                sum += f64::from(x[pixel * from.channels + c]) * f64::from(w);
            }
        }
        sum
    };
    finish(node, inputs, epilogue, weight.outputs(), &sum)
}

/// Computes `outputs` sums for each row and applies the epilogue, all in f64.
fn finish(
    node: &Node,
    inputs: &[&HostTensor],
    epilogue: &Epilogue,
    outputs: usize,
    sum: &(dyn Fn(usize, usize) -> f64 + Sync),
) -> HostTensor {
    let bias = epilogue.bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| bias.to_f32());
    let per_image = epilogue.per_image.then(|| inputs[1].as_f32());
    let residual = epilogue.residual.then(|| inputs[inputs.len() - 1].as_f32());
    let (channels, pixels) = (node.shape.channels, node.shape.pixels());
    let before = |row: usize, output: usize| {
        let time = per_image.map_or(0.0, |v| f64::from(v[row / pixels * outputs + output]));
        sum(row, output) + f64::from(bias[output]) + time
    };
    let mut values = vec![0.0f32; node.shape.len()];
    values.par_chunks_mut(channels).enumerate().for_each(|(row, out)| {
        for (channel, out) in out.iter_mut().enumerate() {
            let value = match epilogue.activation {
                Activation::Geglu => before(row, channel) * pointwise::gelu(before(row, channels + channel)),
                activation => pointwise::function(activation, before(row, channel)),
            };
            *out = (value + residual.map_or(0.0, |r| f64::from(r[row * channels + channel]))) as f32;
        }
    });
    HostTensor::f32(node.shape, values)
}
