//! 3×3 convolutions of stride 1 by Winograd's F(4, 3): six products where four pixels of a line take twelve.
//!
//! [`lines`] does so along lines alone, which halves the products of a convolution; [`squares`] in both directions, which
//! takes a quarter of them, where a picture is so large that its transformed weight, twice as large again, is read for many.
//! Their error is some times that of sums of all products: the tests say how much. Both are f32, for the transformations
//! would make much of what is rounded; squares are faster than all products of bf16, too.
//!
//! Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015: the points are 0, ±1, ±2 and infinity.

mod lines;
mod squares;

pub(super) use lines::LineFactors;
pub(super) use squares::SquareFactors;

use super::direct::DirectFactors;
use super::lines::CHANNELS;
use super::panel::PANEL;

/// Pixels of a line that are made together.
const PIXELS: usize = 4;
/// Products that they take, and the columns that they see.
const PARTS: usize = 6;
/// Lines of a kernel, and taps of each.
const LINES: usize = 3;
/// Channels from which on more is saved than the transformations take.
const LEAST_INPUTS: usize = 128;
const LEAST_OUTPUTS: usize = 64;
/// Pixels of a line from which on few of its last unit are wasted.
const LEAST_WIDTH: usize = 12;
/// Pixels of a line from which on squares are faster. How many lines there are does not count: strips have fewer.
const LEAST_SQUARES: usize = 64;

/// By which way a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Lines,
    Squares,
}

/// Whether a convolution is computed so, and by which way.
pub(super) fn way(factors: &DirectFactors<'_>) -> Option<Way> {
    let DirectFactors { taps, x, to, arithmetic, .. } = factors;
    let inputs = x.shape.channels;
    let is_wide = inputs >= LEAST_INPUTS && to.channels >= LEAST_OUTPUTS && to.width >= LEAST_WIDTH;
    let is_whole = taps.stride == 1 && inputs.is_multiple_of(CHANNELS) && !taps.weight.is_changed();
    let way = if to.width >= LEAST_SQUARES { Way::Squares } else { Way::Lines };
    let is_faster = way == Way::Squares || !arithmetic.is_in_pairs();
    (is_wide && is_whole && is_faster && arithmetic.sees_windows()).then_some(way)
}

/// One number of each channel.
type Pixel = [f32; CHANNELS];
/// One number of each output of a panel.
type Column = [f32; PANEL];

/// Six columns to six numbers.
#[inline(always)]
fn transform(seen: [&Pixel; PARTS], to: &mut [Pixel; PARTS]) {
    for c in 0..CHANNELS {
        let [d0, d1, d2, d3, d4, d5] = seen.map(|pixel| pixel[c]);
        let (even, odd) = (d4 - 4.0 * d2, d3 - 4.0 * d1);
        let (near, far) = (d4 - d2, 2.0 * (d3 - d1));
        to[0][c] = 4.0 * d0 - 5.0 * d2 + d4;
        to[1][c] = even + odd;
        to[2][c] = even - odd;
        to[3][c] = near + far;
        to[4][c] = near - far;
        to[5][c] = 4.0 * d1 - 5.0 * d3 + d5;
    }
}

/// Three taps of a line to six numbers.
#[inline(always)]
fn transform_taps([g0, g1, g2]: [&Column; LINES], to: &mut [Column; PARTS]) {
    for i in 0..PANEL {
        let (g0, g1, g2) = (g0[i], g1[i], g2[i]);
        let (ends, far) = (g0 + g2, g0 + 4.0 * g2);
        to[0][i] = 0.25 * g0;
        to[1][i] = (ends + g1) * (-1.0 / 6.0);
        to[2][i] = (ends - g1) * (-1.0 / 6.0);
        to[3][i] = (far + 2.0 * g1) * (1.0 / 24.0);
        to[4][i] = (far - 2.0 * g1) * (1.0 / 24.0);
        to[5][i] = g2;
    }
}

/// Six sums to those of four pixels.
#[inline(always)]
fn restore(sums: [&Column; PARTS], to: &mut [Column; PIXELS]) {
    for i in 0..PANEL {
        let [m0, m1, m2, m3, m4, m5] = sums.map(|sum| sum[i]);
        let (near, far) = (m1 + m2, m3 + m4);
        let (near_odd, far_odd) = (m1 - m2, m3 - m4);
        to[0][i] = m0 + near + far;
        to[1][i] = near_odd + 2.0 * far_odd;
        to[2][i] = near + 4.0 * far;
        to[3][i] = near_odd + 8.0 * far_odd + m5;
    }
}
