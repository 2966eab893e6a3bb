//! How a line of pixels is taken apart: as polynomials of its pixels and of a kernel's taps, multiplied at a few points.
//!
//! Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015. Every operation is rounded by itself, so that
//! all vectors give the same bits.

use pulp::{Simd, WithSimd};

use super::LINES;
use crate::cpu::lines::CHANNELS;
use crate::cpu::panel::PANEL;

/// One number of each channel of a group.
pub(super) type Pixel = [f32; CHANNELS];
/// One number of each output of a panel.
pub(super) type Column = [f32; PANEL];

/// `PIXELS` pixels of a line that are made together, out of `PARTS` products, as many as the columns that they are made of.
pub(in crate::cpu) trait Points<const PIXELS: usize, const PARTS: usize>: Sync {
    /// Columns to as many numbers.
    fn transform<S: Simd>(simd: S, seen: [S::f32s; PARTS]) -> [S::f32s; PARTS];
    /// Three taps of a line to as many numbers.
    fn transform_taps<S: Simd>(simd: S, taps: [S::f32s; LINES]) -> [S::f32s; PARTS];
    /// Sums of products to those of pixels.
    fn restore<S: Simd>(simd: S, sums: [S::f32s; PARTS]) -> [S::f32s; PIXELS];
}

/// F(2, 3): the points are 0, ±1 and infinity.
pub(in crate::cpu) struct Two;

impl Points<2, 4> for Two {
    #[inline(always)]
    fn transform<S: Simd>(simd: S, [d0, d1, d2, d3]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(d0, d2), simd.add_f32s(d1, d2), simd.sub_f32s(d2, d1), simd.sub_f32s(d1, d3)]
    }

    #[inline(always)]
    fn transform_taps<S: Simd>(simd: S, [g0, g1, g2]: [S::f32s; LINES]) -> [S::f32s; 4] {
        let (ends, half) = (simd.add_f32s(g0, g2), simd.splat_f32s(0.5));
        let [sum, difference] = [simd.add_f32s(ends, g1), simd.sub_f32s(ends, g1)];
        [g0, simd.mul_f32s(half, sum), simd.mul_f32s(half, difference), g2]
    }

    #[inline(always)]
    fn restore<S: Simd>(simd: S, [m0, m1, m2, m3]: [S::f32s; 4]) -> [S::f32s; 2] {
        let first = simd.add_f32s(simd.add_f32s(m0, m1), m2);
        [first, simd.sub_f32s(simd.sub_f32s(m1, m2), m3)]
    }
}

/// F(2, 3) of a line that shows every pixel twice: two pixels see a, b, b and c, so that the product at the point −1, with
/// b − b, is no matter. The halves of the taps at 1 and the double of b there cancel.
pub(in crate::cpu) struct Doubled;

impl Points<2, 3> for Doubled {
    #[inline(always)]
    fn transform<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 3] {
        [simd.sub_f32s(a, b), b, simd.sub_f32s(b, c)]
    }

    #[inline(always)]
    fn transform_taps<S: Simd>(simd: S, [g0, g1, g2]: [S::f32s; LINES]) -> [S::f32s; 3] {
        [g0, simd.add_f32s(simd.add_f32s(g0, g2), g1), g2]
    }

    #[inline(always)]
    fn restore<S: Simd>(simd: S, [m0, m1, m2]: [S::f32s; 3]) -> [S::f32s; 2] {
        [simd.add_f32s(m0, m1), simd.sub_f32s(m1, m2)]
    }
}

/// F(4, 3): the points are 0, ±1, ±2 and infinity.
pub(in crate::cpu) struct Four;

impl Points<4, 6> for Four {
    #[inline(always)]
    fn transform<S: Simd>(simd: S, [d0, d1, d2, d3, d4, d5]: [S::f32s; 6]) -> [S::f32s; 6] {
        let times = |factor: f32, x| simd.mul_f32s(simd.splat_f32s(factor), x);
        let (even, odd) = (simd.sub_f32s(d4, times(4.0, d2)), simd.sub_f32s(d3, times(4.0, d1)));
        let (near, far) = (simd.sub_f32s(d4, d2), times(2.0, simd.sub_f32s(d3, d1)));
        let ends = |a, b, c| simd.add_f32s(simd.sub_f32s(times(4.0, a), times(5.0, b)), c);
        [
            ends(d0, d2, d4),
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(near, far),
            simd.sub_f32s(near, far),
            ends(d1, d3, d5),
        ]
    }

    #[inline(always)]
    fn transform_taps<S: Simd>(simd: S, [g0, g1, g2]: [S::f32s; LINES]) -> [S::f32s; 6] {
        let times = |factor: f32, x| simd.mul_f32s(simd.splat_f32s(factor), x);
        let (ends, far) = (simd.add_f32s(g0, g2), simd.add_f32s(g0, times(4.0, g2)));
        let twice = times(2.0, g1);
        [
            times(0.25, g0),
            times(-1.0 / 6.0, simd.add_f32s(ends, g1)),
            times(-1.0 / 6.0, simd.sub_f32s(ends, g1)),
            times(1.0 / 24.0, simd.add_f32s(far, twice)),
            times(1.0 / 24.0, simd.sub_f32s(far, twice)),
            g2,
        ]
    }

    #[inline(always)]
    fn restore<S: Simd>(simd: S, [m0, m1, m2, m3, m4, m5]: [S::f32s; 6]) -> [S::f32s; 4] {
        let times = |factor: f32, x| simd.mul_f32s(simd.splat_f32s(factor), x);
        let (near, far) = (simd.add_f32s(m1, m2), simd.add_f32s(m3, m4));
        let (near_odd, far_odd) = (simd.sub_f32s(m1, m2), simd.sub_f32s(m3, m4));
        [
            simd.add_f32s(simd.add_f32s(m0, near), far),
            simd.add_f32s(near_odd, times(2.0, far_odd)),
            simd.add_f32s(near, times(4.0, far)),
            simd.add_f32s(simd.add_f32s(near_odd, times(8.0, far_odd)), m5),
        ]
    }
}

/// Takes a square apart along one direction, then along the other, and gives each number away with its place there: `from`
/// and `to` have the place in the line first.
#[inline(always)]
pub(super) fn both_ways<V: Copy, const FROM: usize, const TO: usize>(
    any: V,
    along: impl Fn([V; FROM]) -> [V; TO],
    from: impl Fn(usize, usize) -> V,
    mut to: impl FnMut(usize, usize, V),
) {
    let mut halfway = [[any; FROM]; TO];
    for across in 0..FROM {
        let mut line = [any; FROM];
        for (place, number) in line.iter_mut().enumerate() {
            *number = from(place, across);
        }
        for (made, number) in halfway.iter_mut().zip(along(line)) {
            made[across] = number;
        }
    }
    for (place, line) in halfway.into_iter().enumerate() {
        for (across, number) in along(line).into_iter().enumerate() {
            to(place, across, number);
        }
    }
}

/// The vectors of a line.
#[inline(always)]
pub(super) fn vectors<S: Simd, const N: usize>(line: &[f32; N]) -> &[S::f32s] {
    S::as_simd_f32s(line).0
}

/// The same, to be written.
#[inline(always)]
pub(super) fn vectors_mut<S: Simd, const N: usize>(line: &mut [f32; N]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(line).0
}

/// Calls what is given with this processor's vectors.
#[inline(always)]
pub(super) fn with_vectors(work: impl WithSimd<Output = ()>) {
    pulp::Arch::new().dispatch(work);
}
