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
use crate::graph::Affine;

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

/// Numbers of a task: whole pixels.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// For each group of each image its mean and its variance, each as a number and what it lost in
/// rounding.
pub(super) fn moments(turn: &Turn<'_>, out: &mut [f32]) {
    let (x, groups) = (turn.inputs[0], turn.shape.width);
    let channels = x.shape.channels;
    let images = x.numbers.chunks_exact(x.shape.pixels() * channels);
    for (x, out) in images.zip(out.chunks_exact_mut(groups * 4)) {
        let chunks: Vec<Vec<Moments>> = x
            .par_chunks(chunk(channels))
            .map(|rows| {
                vectorised(
                    #[inline(always)]
                    || moments_of(rows, channels, groups),
                )
            })
            .collect();
        for (group, out) in out.chunks_exact_mut(4).enumerate() {
            let all = chunks.iter().map(|chunk| chunk[group]).fold(Moments::default(), Moments::merge);
            let numbers = [all.mean, all.squares / all.count];
            let rounded = numbers.map(|number| number as f32);
            (out[0], out[2]) = rounded.into();
            (out[1], out[3]) = [0, 1].map(|i| (numbers[i] - f64::from(rounded[i])) as f32).into();
        }
    }
}

pub(super) fn normalise(affine: &Affine, silu: bool, turn: &Turn<'_>, out: &mut [f32]) {
    let (channels, moments) = (turn.shape.channels, turn.inputs[1]);
    let image_len = turn.shape.pixels() * channels;
    let images = turn.inputs[0].numbers.chunks_exact(image_len).zip(out.chunks_exact_mut(image_len));
    let moments = moments.numbers.chunks_exact(moments.shape.width * 4);
    for ((x, out), moments) in images.zip(moments) {
        let lines = lines(affine, moments);
        x.par_chunks(chunk(channels)).zip(out.par_chunks_mut(chunk(channels))).for_each(|(x, out)| {
            vectorised(
                #[inline(always)]
                || apply(&lines, silu, x, out),
            );
        });
    }
}

/// The moments of each group in some rows.
#[inline(always)]
fn moments_of(rows: &[f32], channels: usize, groups: usize) -> Vec<Moments> {
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

/// `moments`: those of one image.
fn lines(affine: &Affine, moments: &[f32]) -> Lines {
    let channels = affine.scale.len();
    let [mut mean, mut factor, mut shift] = [(); 3].map(|()| Vec::with_capacity(channels));
    let weights = affine.scale.to_f32().into_iter().zip(affine.shift.to_f32());
    for (c, (scale, summand)) in weights.enumerate() {
        let group = &moments[c / (4 * channels / moments.len()) * 4..][..4];
        let variance = f64::from(group[2]) + f64::from(group[3]);
        let slope = f64::from(scale) * (1.0 / (variance + f64::from(affine.epsilon)).sqrt());
        mean.push(group[0]);
        factor.push(slope as f32);
        // What the mean lost in rounding goes into the shift: it matters where the mean is large.
        shift.push((f64::from(summand) - f64::from(group[1]) * slope) as f32);
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
