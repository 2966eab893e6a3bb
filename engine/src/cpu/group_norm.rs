//! Group norm: each group of channels of each image to mean 0 and deviation 1, then scale and shift.
//!
//! Statistics are taken of chunks that fit a cache, in two passes (the mean, then squares about it),
//! a channel to each vector lane; Chan's rule merges channels and chunks in f64, in a fixed order.
//! `Σx² − (Σx)²/n` would read memory once as well, but cancels where a mean is large.
//!
//! Twin: `reference::norm`. NMSE ≤ 1e-12.

use rayon::prelude::*;

use super::functions::{silu, vectorised};
use super::value::Turn;
use crate::weights::Weight;

/// Numbers of a chunk: 128 KiB, and the fewest rows over which an f32 sum could lose digits.
const CHUNK: usize = 32 * 1024;

/// Count, mean and sum of squares about it.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Chan's rule for the moments of two sets together.
    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * other.count / count,
            squares: self.squares + other.squares + apart * apart * self.count * other.count / count,
        }
    }
}

/// How the numbers are normed.
pub(super) struct Norm<'a> {
    pub(super) scale: &'a Weight,
    pub(super) shift: &'a Weight,
    pub(super) groups: usize,
    pub(super) epsilon: f32,
    pub(super) silu: bool,
}

pub(super) fn group_norm(norm: &Norm<'_>, turn: &Turn<'_>, out: &mut [f32]) {
    let channels = turn.shape.channels;
    let image_len = turn.shape.pixels() * channels;
    let chunk = (CHUNK / channels).max(1) * channels;
    let x = turn.inputs[0].numbers;
    for (x, out) in x.chunks_exact(image_len).zip(out.chunks_exact_mut(image_len)) {
        let chunks: Vec<Vec<Moments>> = x
            .par_chunks(chunk)
            .map(|rows| {
                vectorised(
                    #[inline(always)]
                    || moments(rows, channels, norm.groups),
                )
            })
            .collect();
        let lines = lines(norm, &chunks, channels);
        x.par_chunks(chunk).zip(out.par_chunks_mut(chunk)).for_each(|(x, out)| {
            vectorised(
                #[inline(always)]
                || apply(&lines, norm.silu, x, out),
            );
        });
    }
}

/// The moments of each group in some rows.
#[inline(always)]
fn moments(rows: &[f32], channels: usize, groups: usize) -> Vec<Moments> {
    let count = (rows.len() / channels) as f32;
    let [mut means, mut off, mut squares] = [(); 3].map(|()| vec![0.0f32; channels]);
    for row in rows.chunks_exact(channels) {
        means.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    means.iter_mut().for_each(|mean| *mean /= count);
    for row in rows.chunks_exact(channels) {
        let sums = off.iter_mut().zip(&mut squares);
        for ((off, squares), (x, mean)) in sums.zip(row.iter().zip(&means)) {
            let apart = x - mean;
            *off += apart;
            *squares += apart * apart;
        }
    }
    // The f32 mean is off by what it was rounded by, which the second pass has found.
    let of_channel = |c: usize| {
        let (count, off) = (f64::from(count), f64::from(off[c] / count));
        Moments { count, mean: f64::from(means[c]) + off, squares: f64::from(squares[c]) - off * off * count }
    };
    let width = channels / groups;
    (0..groups)
        .map(|group| {
            (group * width..(group + 1) * width).map(of_channel).fold(Moments::default(), Moments::merge)
        })
        .collect()
}

/// For each channel: `(x − mean) · factor + shift`.
struct Lines {
    mean: Vec<f32>,
    factor: Vec<f32>,
    shift: Vec<f32>,
}

fn lines(norm: &Norm<'_>, chunks: &[Vec<Moments>], channels: usize) -> Lines {
    let [mut mean, mut factor, mut shift] = [(); 3].map(|()| Vec::with_capacity(channels));
    let weights = norm.scale.to_f32().into_iter().zip(norm.shift.to_f32());
    for (c, (scale, summand)) in weights.enumerate() {
        let group = c / (channels / norm.groups);
        let all = chunks.iter().map(|chunk| chunk[group]).fold(Moments::default(), Moments::merge);
        let inverse = 1.0 / (all.squares / all.count + f64::from(norm.epsilon)).sqrt();
        let slope = f64::from(scale) * inverse;
        // What the mean loses as f32 goes into the shift: it matters where the mean is large.
        let near = all.mean as f32;
        mean.push(near);
        factor.push(slope as f32);
        shift.push((f64::from(summand) - (all.mean - f64::from(near)) * slope) as f32);
    }
    Lines { mean, factor, shift }
}

#[inline(always)]
fn apply(lines: &Lines, with_silu: bool, x: &[f32], out: &mut [f32]) {
    let channels = lines.mean.len();
    for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
        let numbers = x.iter().zip(&lines.mean).zip(&lines.factor).zip(&lines.shift);
        for (out, (((x, mean), factor), shift)) in out.iter_mut().zip(numbers) {
            *out = (x - mean) * factor + shift;
        }
        if with_silu {
            out.iter_mut().for_each(|x| *x = silu(*x));
        }
    }
}
