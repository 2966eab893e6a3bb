//! Attention: all scores of one query, their softmax, and the mean of the values so weighted.

use rayon::prelude::*;

use crate::backend::HostTensor;

/// Softmax(q · kᵀ / √head_dim) · v for each head.
pub(super) fn attention(inputs: &[&HostTensor], heads: usize, causal: bool) -> HostTensor {
    let [q, k, v] = [inputs[0].as_f32(), inputs[1].as_f32(), inputs[2].as_f32()];
    let shape = inputs[0].shape;
    let (channels, queries, keys) = (shape.channels, shape.pixels(), inputs[1].shape.pixels());
    let head_dim = channels / heads;
    let mut out = vec![0.0f32; shape.len()];
    out.par_chunks_mut(head_dim).enumerate().for_each(|(strip, out)| {
        let (row, head) = (strip / heads, strip % heads);
        let (image, query) = (row / queries, row % queries);
        let seen = if causal { (query + 1).min(keys) } else { keys };
        let at =
            |values: &[f32], row: usize, d: usize| f64::from(values[row * channels + head * head_dim + d]);
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
