//! F(4, 3) along each line. Lines stay apart: four pixels of a line are one unit, counted from the picture's left side, of
//! which the six columns that it sees are brought to six numbers, multiplied with six numbers of each line of the kernel,
//! and the sums over channels and lines brought back.
//!
//! Twin: `reference::product`. NMSE ≤ 1e-12.

use std::ops::Range;

use super::{Column, LINES, PARTS, PIXELS, Pixel, restore, transform, transform_taps};
use crate::cpu::arithmetic::Arithmetic;
use crate::cpu::direct::{DirectFactors, TAPS};
use crate::cpu::epilogue::Finish;
use crate::cpu::functions::vectorised;
use crate::cpu::kept::Kept;
use crate::cpu::lines::{CHANNELS, Lines, Window};
use crate::cpu::panel::{Outputs, PANEL};
use crate::cpu::product::Factors;
use crate::cpu::rows::{Places, Rows};
use crate::cpu::strips::Strips;
use crate::graph::Shape;
use crate::weights::Weight;

/// A convolution that is taken apart along its lines.
pub(in crate::cpu) struct LineFactors<'a>(pub(in crate::cpu) DirectFactors<'a>);

impl LineFactors<'_> {
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

impl Factors for LineFactors<'_> {
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
        Rows { words: space, starts, taps, pixel: PARTS * CHANNELS, run: CHANNELS, part: CHANNELS }
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
