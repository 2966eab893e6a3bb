//! Layer norm: each pixel's channels to mean 0 and deviation 1, then scale and shift.
//!
//! Twin: `reference::norm`. NMSE ≤ 1e-12.

use rayon::prelude::*;

use super::functions::vectorised;
use super::value::Turn;
use crate::graph::Affine;

/// Rows of a task.
const ROWS: usize = 32;
/// Partial sums, so that additions need not wait for each other.
const LANES: usize = 32;

pub(super) fn layer_norm(affine: &Affine, turn: &Turn<'_>, out: &mut [f32]) {
    let channels = turn.shape.channels;
    let (scale, shift) = (affine.scale.to_f32(), affine.shift.to_f32());
    let x = turn.inputs[0].numbers.par_chunks(ROWS * channels);
    x.zip(out.par_chunks_mut(ROWS * channels)).for_each(|(x, out)| {
        vectorised(
            #[inline(always)]
            || {
                for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
                    norm(x, affine.epsilon, out);
                    let lines = scale.iter().zip(&shift);
                    out.iter_mut().zip(lines).for_each(|(x, (scale, shift))| *x = *x * scale + shift);
                }
            },
        );
    });
}

#[inline(always)]
fn norm(x: &[f32], epsilon: f32, out: &mut [f32]) {
    let count = x.len() as f32;
    let mean = sum(x, |x| x) / count;
    // The mean as f32 is off by what it was rounded by; a second look finds that.
    let off = sum(x, |x| x - mean) / count;
    let variance = sum(x, |x| (x - mean) * (x - mean)) / count - off * off;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - mean - off) * inverse);
}

/// The sum of a function of every number, by pairs at the end.
#[inline(always)]
fn sum(x: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for x in whole {
        for lane in 0..LANES {
            sums[lane] += of(x[lane]);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += of(*x);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}
