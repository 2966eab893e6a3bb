//! 3×3 convolutions of stride 1 by Winograd's F(4, 3) along each line: six products where four pixels take twelve.
//!
//! Lines stay apart: four pixels of a line are one unit, counted from the picture's left side, of which the six columns
//! that it sees are brought to six numbers, multiplied with six numbers of each line of the kernel, and the sums over
//! channels and lines brought back. So a strip of rows has the bits of the whole. F(4×4, 3×3) would halve the products
//! once more, but its units lie where a strip begins, and its error is twice as large.
//!
//! Twin: `reference::product`. NMSE ≤ 1e-12.

use std::ops::Range;

use super::arithmetic::Arithmetic;
use super::direct::{DirectFactors, TAPS};
use super::epilogue::Finish;
use super::functions::vectorised;
use super::kept::Kept;
use super::lines::{CHANNELS, Lines, Window};
use super::panel::{Outputs, PANEL};
use super::product::Factors;
use super::rows::{Places, Rows};
use super::strips::Strips;
use crate::graph::Shape;
use crate::weights::Weight;

/// Pixels of a unit.
const PIXELS: usize = 4;
/// Products of a unit, and the columns that it sees.
const PARTS: usize = 6;
/// Lines of a kernel.
const LINES: usize = 3;
/// Channels from which on more is saved than the transformations take.
const LEAST_INPUTS: usize = 128;
const LEAST_OUTPUTS: usize = 64;
/// Pixels of a line from which on few of its last unit are wasted.
const LEAST_WIDTH: usize = 12;

/// A convolution that is taken apart.
pub(super) struct WinogradFactors<'a>(pub(super) DirectFactors<'a>);

/// Whether a convolution is computed in this way.
pub(super) fn suits(factors: &DirectFactors<'_>) -> bool {
    let DirectFactors { taps, x, to, arithmetic, .. } = factors;
    let inputs = x.shape.channels;
    let is_wide = inputs >= LEAST_INPUTS && to.channels >= LEAST_OUTPUTS && to.width >= LEAST_WIDTH;
    let is_whole = taps.stride == 1 && inputs.is_multiple_of(CHANNELS) && !taps.weight.is_changed();
    is_wide && is_whole && arithmetic.sees_windows() && !arithmetic.is_in_pairs()
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

impl WinogradFactors<'_> {
    /// The value with a pixel for each unit.
    fn line_units(&self) -> Shape {
        Shape { width: self.0.to.width.div_ceil(PIXELS), ..self.0.to }
    }

    /// The lines that units see, as if each were a pixel.
    fn lines(&self, units: Range<usize>) -> Lines<'_> {
        let window = Window { stride: 1, columns: 1, top: self.0.taps.origin[0], left: 0 };
        Lines::new(self.0.x, self.line_units(), window, units)
    }

    /// The six numbers of a unit, the columns of which begin at `column`, counted with the zeros before the picture.
    #[inline(always)]
    fn unit(&self, line: &[f32], (column, block): (usize, usize), to: &mut [Pixel; PARTS]) {
        const ZEROS: Pixel = [0.0; CHANNELS];
        let (width, channels) = (self.0.x.shape.width, self.0.x.shape.channels);
        let seen: [&Pixel; PARTS] = std::array::from_fn(|i| {
            let x = (column + i).wrapping_sub(self.0.taps.origin[1]);
            let pixel = if x < width { line[x * channels + block * CHANNELS..].first_chunk() } else { None };
            pixel.unwrap_or(&ZEROS)
        });
        transform(seen, to);
    }
}

impl Factors for WinogradFactors<'_> {
    fn arithmetic(&self) -> Arithmetic {
        self.0.arithmetic
    }

    fn pixels(&self) -> usize {
        PIXELS
    }

    fn units(&self, _shape: Shape) -> usize {
        self.line_units().rows()
    }

    fn parts(&self) -> usize {
        PARTS
    }

    fn depth(&self) -> usize {
        PARTS * LINES * CHANNELS
    }

    fn blocks(&self) -> usize {
        self.0.blocks()
    }

    fn depth_of(&self, _block: usize) -> usize {
        self.depth()
    }

    fn places(&self, units: Range<usize>) -> Places {
        self.lines(units).places()
    }

    fn gathered(&self, places: &Places) -> usize {
        self.lines(places.rows.clone()).pixels() * PARTS * CHANNELS
    }

    fn rows<'a>(&'a self, block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a> {
        let (units, _) = space.as_chunks_mut::<CHANNELS>().0.as_chunks_mut::<PARTS>();
        let lines = self.lines(places.rows.clone());
        for (line, to) in lines.each().zip(units.chunks_exact_mut(lines.columns().len())) {
            let Some(line) = line else {
                to.as_flattened_mut().fill([0.0; CHANNELS]);
                continue;
            };
            vectorised(
                #[inline(always)]
                || {
                    for (unit, to) in lines.columns().zip(to) {
                        self.unit(line, (unit * PIXELS, block), to);
                    }
                },
            );
        }
        let Places { starts, taps, .. } = places;
        Rows { words: space, starts, taps, pixel: PARTS * CHANNELS, run: CHANNELS }
    }

    fn weight(&self) -> &Weight {
        self.0.weight()
    }

    fn takes_numbers_as_they_are(&self) -> bool {
        false
    }

    fn kept(&self) -> Option<&Kept> {
        self.0.kept()
    }

    fn space(&self) -> usize {
        self.0.space() + TAPS * CHANNELS * PANEL
    }

    /// `[parts][lines][channels][PANEL]`.
    fn panel_of(
        &self,
        weight: &Weight,
        block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        let (taps, space) = space.split_at_mut(TAPS * CHANNELS * PANEL);
        self.0.panel_of(weight, block, outputs, space, taps);
        let (taps, panel) = (taps.as_chunks::<PANEL>().0, panel.as_chunks_mut::<PANEL>().0);
        vectorised(
            #[inline(always)]
            || {
                for place in 0..LINES * CHANNELS {
                    let (line, channel) = (place / CHANNELS, place % CHANNELS);
                    let of_line = [0, 1, 2].map(|tap| &taps[(LINES * line + tap) * CHANNELS + channel]);
                    let mut made = [[0.0; PANEL]; PARTS];
                    transform_taps(of_line, &mut made);
                    for (part, made) in made.into_iter().enumerate() {
                        panel[part * LINES * CHANNELS + place] = made;
                    }
                }
            },
        );
    }

    /// # Safety
    /// As [`Finish::write`].
    unsafe fn write(
        &self,
        finish: &Finish<'_>,
        sums: &mut [f32],
        (units, at): (Range<usize>, Outputs),
        out: &Strips<'_>,
    ) {
        let (in_line, width, count) = (self.line_units().width, self.0.to.width, units.len());
        let sums = sums.as_chunks::<PANEL>().0;
        for (i, unit) in units.enumerate() {
            let (line, x) = (unit / in_line, unit % in_line * PIXELS);
            let mut restored = [[0.0; PANEL]; PIXELS];
            let parts: [&Column; PARTS] = std::array::from_fn(|part| &sums[part * count + i]);
            vectorised(
                #[inline(always)]
                || restore(parts, &mut restored),
            );
            let pixels = restored[..PIXELS.min(width - x)].as_flattened_mut();
            // SAFETY: the caller's promise.
            unsafe { finish.write(pixels, line * width + x, at, out) };
        }
    }
}
