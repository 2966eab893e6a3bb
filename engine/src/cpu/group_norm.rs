//! Group norm: each group of channels of each image to mean 0 and deviation 1, then scale and shift.
//!
//! Statistics are taken of chunks that fit a cache, in two passes (a group's mean, then squares about it),
//! a channel to each vector lane. Channels are summed in f64; Chan's rule merges chunks in f64, in a fixed order.
//! `Σx² − (Σx)²/n` would read memory once as well, but cancels where a mean is large.
//!
//! Twin: `reference::norm`. NMSE ≤ 1e-12.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::functions::{Function, Identity, Silu};
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
        let chunks: Vec<Vec<Moments>> =
            x.par_chunks(chunk(channels)).map(|rows| moments_of(rows, channels, groups)).collect();
        out.par_chunks_exact_mut(4).enumerate().for_each(|(group, out)| {
            let all = chunks.iter().map(|chunk| chunk[group]).fold(Moments::default(), Moments::merge);
            let numbers = [all.mean, all.squares / all.count];
            let rounded = numbers.map(|number| number as f32);
            (out[0], out[2]) = rounded.into();
            (out[1], out[3]) = [0, 1].map(|i| (numbers[i] - f64::from(rounded[i])) as f32).into();
        });
    }
}

/// Where the first input has no numbers, it is in `out`, and written over.
pub(super) fn normalise(affine: &Affine, silu: bool, turn: &Turn<'_>, out: &mut [f32]) {
    let (channels, moments) = (turn.shape.channels, turn.inputs[1]);
    let (image_len, chunk) = (turn.shape.pixels() * channels, chunk(channels));
    let mut images = turn.inputs[0].numbers.chunks_exact(image_len);
    let moments = moments.numbers.chunks_exact(moments.shape.width * 4);
    for (out, moments) in out.chunks_exact_mut(image_len).zip(moments) {
        let lines = lines(affine, moments);
        let norm = |x: Option<&[f32]>, out: &mut [f32]| {
            let arch = pulp::Arch::new();
            if silu {
                arch.dispatch(Normed { lines: &lines, after: Silu, x, out });
            } else {
                arch.dispatch(Normed { lines: &lines, after: Identity, x, out });
            }
        };
        match images.next() {
            Some(x) => {
                x.par_chunks(chunk).zip(out.par_chunks_mut(chunk)).for_each(|(x, out)| norm(Some(x), out));
            }
            None => out.par_chunks_mut(chunk).for_each(|out| norm(None, out)),
        }
    }
}

/// The moments of each group in some rows.
fn moments_of(rows: &[f32], channels: usize, groups: usize) -> Vec<Moments> {
    let [mut shifts, mut off, mut squares] = [(); 3].map(|()| vec![0.0f32; channels]);
    let width = channels / groups;
    let count = (rows.len() / groups) as f64;
    let arch = pulp::Arch::new();
    arch.dispatch(Sums { rows, sums: &mut shifts });
    for sums in shifts.chunks_exact_mut(width) {
        sums.fill((total(sums) / count) as f32);
    }
    arch.dispatch(Squares { rows, shifts: &shifts, off: &mut off, squares: &mut squares });
    let of_group = |first: usize| {
        // The f32 mean is off by what it was rounded by, which the second pass has found.
        let off = total(&off[first..first + width]);
        let squares = total(&squares[first..first + width]) - off * off / count;
        Moments { count, mean: f64::from(shifts[first]) + off / count, squares }
    };
    (0..channels).step_by(width).map(of_group).collect()
}

fn total(numbers: &[f32]) -> f64 {
    numbers.iter().copied().map(f64::from).sum()
}

/// Rows that are added at a time, so that sums are read and written less often.
const TOGETHER: usize = 4;

/// Some of the rows `[..][channels]`: their whole vectors, and what is left over of each.
#[inline(always)]
fn split<S: Simd, const R: usize>(rows: &[f32], channels: usize) -> [(&[S::f32s], &[f32]); R] {
    std::array::from_fn(|row| S::as_simd_f32s(&rows[row * channels..][..channels]))
}

/// Each channel's sum.
struct Sums<'a> {
    rows: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.sums.len();
        let (most, rest) = self.rows.split_at(self.rows.len() / (TOGETHER * channels) * TOGETHER * channels);
        for rows in most.chunks_exact(TOGETHER * channels) {
            add_rows::<S, TOGETHER>(simd, rows, self.sums);
        }
        for row in rest.chunks_exact(channels) {
            add_rows::<S, 1>(simd, row, self.sums);
        }
    }
}

#[inline(always)]
fn add_rows<S: Simd, const R: usize>(simd: S, rows: &[f32], sums: &mut [f32]) {
    let rows = split::<S, R>(rows, sums.len());
    let (sums, last) = S::as_mut_simd_f32s(sums);
    for (i, sum) in sums.iter_mut().enumerate() {
        for (row, _) in &rows {
            *sum = simd.add_f32s(*sum, row[i]);
        }
    }
    if !last.is_empty() {
        let mut sum = simd.partial_load_f32s(last);
        for (_, row) in rows {
            sum = simd.add_f32s(sum, simd.partial_load_f32s(row));
        }
        simd.partial_store_f32s(last, sum);
    }
}

/// Each channel's sums of how far its numbers are from its shift, and of the squares of that.
struct Squares<'a> {
    rows: &'a [f32],
    shifts: &'a [f32],
    off: &'a mut [f32],
    squares: &'a mut [f32],
}

impl WithSimd for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.shifts.len();
        let (most, rest) = self.rows.split_at(self.rows.len() / (TOGETHER * channels) * TOGETHER * channels);
        for rows in most.chunks_exact(TOGETHER * channels) {
            self.add_rows::<S, TOGETHER>(simd, rows);
        }
        for row in rest.chunks_exact(channels) {
            self.add_rows::<S, 1>(simd, row);
        }
    }
}

impl Squares<'_> {
    #[inline(always)]
    fn add_rows<S: Simd, const R: usize>(&mut self, simd: S, rows: &[f32]) {
        let rows = split::<S, R>(rows, self.shifts.len());
        let (shifts, last_shifts) = S::as_simd_f32s(self.shifts);
        let (off, last_off) = S::as_mut_simd_f32s(self.off);
        let (squares, last_squares) = S::as_mut_simd_f32s(self.squares);
        for (i, ((off, squares), shift)) in off.iter_mut().zip(squares).zip(shifts).enumerate() {
            let (mut all_off, mut all_squares) = (*off, *squares);
            for (row, _) in &rows {
                let apart = simd.sub_f32s(row[i], *shift);
                all_off = simd.add_f32s(all_off, apart);
                all_squares = simd.mul_add_e_f32s(apart, apart, all_squares);
            }
            (*off, *squares) = (all_off, all_squares);
        }
        if !last_off.is_empty() {
            let shift = simd.partial_load_f32s(last_shifts);
            let (mut off, mut squares) =
                (simd.partial_load_f32s(last_off), simd.partial_load_f32s(last_squares));
            for (_, row) in rows {
                let apart = simd.sub_f32s(simd.partial_load_f32s(row), shift);
                off = simd.add_f32s(off, apart);
                squares = simd.mul_add_e_f32s(apart, apart, squares);
            }
            simd.partial_store_f32s(last_off, off);
            simd.partial_store_f32s(last_squares, squares);
        }
    }
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

/// Rows on their way through [`Lines`] and a function.
struct Normed<'a, F> {
    lines: &'a Lines,
    after: F,
    /// `None`: they are in `out`.
    x: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl<F: Function> WithSimd for Normed<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Lines { mean, factor, shift } = self.lines;
        let channels = mean.len();
        let (means, last_means) = S::as_simd_f32s(mean);
        let (factors, last_factors) = S::as_simd_f32s(factor);
        let (shifts, last_shifts) = S::as_simd_f32s(shift);
        let mut rows = self.x.map(|x| x.chunks_exact(channels));
        for out in self.out.chunks_exact_mut(channels) {
            let x = rows.as_mut().and_then(Iterator::next).map(S::as_simd_f32s);
            let (out, last) = S::as_mut_simd_f32s(out);
            for (i, (((out, mean), factor), shift)) in
                out.iter_mut().zip(means).zip(factors).zip(shifts).enumerate()
            {
                let x = x.map_or(*out, |(x, _)| x[i]);
                let normed = simd.mul_add_e_f32s(simd.sub_f32s(x, *mean), *factor, *shift);
                *out = self.after.of(simd, normed);
            }
            if !last.is_empty() {
                let x = simd.partial_load_f32s(x.map_or(&*last, |(_, x)| x));
                let apart = simd.sub_f32s(x, simd.partial_load_f32s(last_means));
                let factor = simd.partial_load_f32s(last_factors);
                let normed = simd.mul_add_e_f32s(apart, factor, simd.partial_load_f32s(last_shifts));
                simd.partial_store_f32s(last, self.after.of(simd, normed));
            }
        }
    }
}
