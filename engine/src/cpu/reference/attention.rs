//! Attention: all scores of one query, their softmax, and the mean of the values so weighted.

use rayon::prelude::*;

use crate::backend::HostTensor;

/// Softmax(q · kᵀ / √head_dim) · v for each head.
pub(super) fn attention(inputs: &[&HostTensor], heads: usize, causal: bool) -> HostTensor {
    // Each with the first of its channels: side by side where there is one input.
    let pitch = inputs[0].shape.channels;
    let (channels, [q, k, v]) = match inputs {
        [qkv] => (pitch / 3, [0, 1, 2].map(|place| (qkv.as_f32(), place * pitch / 3))),
        _ => (pitch, [0, 1, 2].map(|place| (inputs[place].as_f32(), 0))),
    };
    let shape = inputs[0].shape.with_channels(channels);
    let (queries, keys) = (shape.pixels(), inputs[inputs.len().min(2) - 1].shape.pixels());
    let head_dim = channels / heads;
    let mut out = vec![0.0f32; shape.len()];
    out.par_chunks_mut(head_dim).enumerate().for_each(|(strip, out)| {
        let (row, head) = (strip / heads, strip % heads);
        let (image, query) = (row / queries, row % queries);
        let seen = if causal { (query + 1).min(keys) } else { keys };
        let at = |(values, first): (&[f32], usize), row: usize, d: usize| {
            f64::from(values[row * pitch + first + head * head_dim + d])
        };
        let score = |key: usize| -> f64 {
            let products = (0..head_dim).map(|d| at(q, row, d) * at(k, image * keys + key, d));
            products.sum::<f64>() / (head_dim as f64).sqrt()
        };
        let scores: Vec<f64> = (0..seen).map(score).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
        let total: f64 = shares.iter().sum();
        for (d, out) in out.iter_mut().enumerate() {
            let sum: f64 = (0..seen).map(|key| shares[key] * at(v, image * keys + key, d)).sum();
            *out = (sum / total) as f32;
        }
    });
    HostTensor::f32(shape, out)
}
