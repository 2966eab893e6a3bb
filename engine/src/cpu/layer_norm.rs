//! Layer norm: each pixel's channels to mean 0 and deviation 1, then scale and shift.
//!
//! Twin: `reference::norm`. NMSE ≤ 1e-12.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::value::Turn;
use crate::graph::Affine;

/// Rows of a task.
const ROWS: usize = 32;
/// Vectors of partial sums, so that additions need not wait for each other.
const VECTORS: usize = 4;
/// Numbers of the widest vector.
const WIDEST: usize = 16;

pub(super) fn layer_norm(affine: &Affine, turn: &Turn<'_>, out: &mut [f32]) {
    let channels = turn.shape.channels;
    let (scale, shift) = (affine.scale.to_f32(), affine.shift.to_f32());
    let x = turn.inputs[0].numbers.par_chunks(ROWS * channels);
    x.zip(out.par_chunks_mut(ROWS * channels)).for_each(|(x, out)| {
        let lines = Lines { scale: &scale, shift: &shift, epsilon: affine.epsilon };
        pulp::Arch::new().dispatch(Normed { x, lines, out });
    });
}

/// For each channel: scale and shift.
#[derive(Clone, Copy)]
struct Lines<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    epsilon: f32,
}

/// Rows on their way.
struct Normed<'a> {
    x: &'a [f32],
    lines: Lines<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Normed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.lines.scale.len();
        for (x, out) in self.x.chunks_exact(channels).zip(self.out.chunks_exact_mut(channels)) {
            Row::of(simd, x, self.lines.epsilon).norm(simd, x, self.lines, out);
        }
    }
}

/// What a row is normed by.
struct Row {
    mean: f32,
    /// What the mean lost in rounding.
    off: f32,
    /// 1 / deviation.
    inverse: f32,
}

impl Row {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: &[f32], epsilon: f32) -> Self {
        let count = x.len() as f32;
        let (vectors, rest) = S::as_simd_f32s(x);
        let (fours, others) = vectors.as_chunks::<VECTORS>();
        let mut sums = [simd.splat_f32s(0.0); VECTORS];
        for x in fours {
            for i in 0..VECTORS {
                sums[i] = simd.add_f32s(sums[i], x[i]);
            }
        }
        for x in others {
            sums[0] = simd.add_f32s(sums[0], *x);
        }
        sums[1] = simd.add_f32s(sums[1], simd.partial_load_f32s(rest));
        let mean = total(simd, sums) / count;
        let middle = simd.splat_f32s(mean);
        let [mut off, mut squares] = [[simd.splat_f32s(0.0); VECTORS]; 2];
        for x in fours {
            for i in 0..VECTORS {
                let apart = simd.sub_f32s(x[i], middle);
                off[i] = simd.add_f32s(off[i], apart);
                squares[i] = simd.mul_add_e_f32s(apart, apart, squares[i]);
            }
        }
        // A vector of what is left over, filled up with what adds nothing.
        let mut last = [mean; WIDEST];
        last[..rest.len()].copy_from_slice(rest);
        for x in others.iter().chain(&S::as_simd_f32s(&last).0[..1]) {
            let apart = simd.sub_f32s(*x, middle);
            off[0] = simd.add_f32s(off[0], apart);
            squares[0] = simd.mul_add_e_f32s(apart, apart, squares[0]);
        }
        let off = total(simd, off) / count;
        let variance = total(simd, squares) / count - off * off;
        Self { mean, off, inverse: 1.0 / (variance + epsilon).sqrt() }
    }

    #[inline(always)]
    fn norm<S: Simd>(&self, simd: S, x: &[f32], lines: Lines<'_>, out: &mut [f32]) {
        let [mean, off, inverse] = [self.mean, self.off, self.inverse].map(|number| simd.splat_f32s(number));
        let (x, last_x) = S::as_simd_f32s(x);
        let (out, last) = S::as_mut_simd_f32s(out);
        let (scales, last_scales) = S::as_simd_f32s(lines.scale);
        let (shifts, last_shifts) = S::as_simd_f32s(lines.shift);
        for (((out, x), scale), shift) in out.iter_mut().zip(x).zip(scales).zip(shifts) {
            let apart = simd.sub_f32s(simd.sub_f32s(*x, mean), off);
            *out = simd.mul_add_e_f32s(simd.mul_f32s(apart, inverse), *scale, *shift);
        }
        if !last.is_empty() {
            let apart = simd.sub_f32s(simd.sub_f32s(simd.partial_load_f32s(last_x), mean), off);
            let (scale, shift) = (simd.partial_load_f32s(last_scales), simd.partial_load_f32s(last_shifts));
            let normed = simd.mul_add_e_f32s(simd.mul_f32s(apart, inverse), scale, shift);
            simd.partial_store_f32s(last, normed);
        }
    }
}

#[inline(always)]
fn total<S: Simd>(simd: S, sums: [S::f32s; VECTORS]) -> f32 {
    let [a, b, c, d] = sums;
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}
