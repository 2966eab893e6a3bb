//! F(4×4, 3×3): sixteen pixels of four lines are one unit, counted from the first line and column that are made, of which
//! the 6×6 pixels that it sees are brought to 36 numbers, multiplied with 36 of the kernel, and the sums over channels
//! brought back. So strips have the bits of the whole where they begin with a multiple of four lines.
//!
//! Twin: `reference::product`. NMSE ≤ 6e-12.

use std::ops::Range;

use super::{Column, LINES, PARTS, PIXELS, Pixel, restore, transform, transform_taps};
use crate::cpu::arithmetic::Arithmetic;
use crate::cpu::direct::{DirectFactors, TAPS};
use crate::cpu::epilogue::Finish;
use crate::cpu::functions::vectorised;
use crate::cpu::kept::Kept;
use crate::cpu::lines::CHANNELS;
use crate::cpu::panel::{Outputs, PANEL};
use crate::cpu::product::Factors;
use crate::cpu::rows::{Places, Rows};
use crate::cpu::strips::Strips;
use crate::graph::Shape;
use crate::weights::Weight;

/// Products of a unit.
const PRODUCTS: usize = PARTS * PARTS;
/// Units of a task, by which what is read of the weight is shared.
const UNITS: Range<usize> = 16..64;
/// Words that their numbers take, where they may be fewer.
const WORDS: usize = 1 << 20;

/// A convolution that is taken apart in both directions.
pub(in crate::cpu) struct SquareFactors<'a>(DirectFactors<'a>);

/// A line of a unit, or a column of it.
type Six = [Pixel; PARTS];

impl<'a> SquareFactors<'a> {
    /// In f32, however others are computed.
    pub(in crate::cpu) fn new(factors: DirectFactors<'a>) -> Self {
        Self(DirectFactors { arithmetic: factors.arithmetic.in_singles(), ..factors })
    }

    /// The value with a pixel for each unit.
    fn squares(&self) -> Shape {
        let Shape { width, height, .. } = self.0.to;
        Shape { width: width.div_ceil(PIXELS), height: height.div_ceil(PIXELS), ..self.0.to }
    }

    /// Groups of channels.
    fn groups(&self) -> usize {
        self.0.x.shape.channels / CHANNELS
    }

    /// A pixel's channels of a group; zeros where there is none.
    #[inline(always)]
    fn pixel(&self, [image, y, x]: [usize; 3], group: usize) -> &Pixel {
        const ZEROS: Pixel = [0.0; CHANNELS];
        let Shape { width, height, channels, .. } = self.0.x.shape;
        if y >= height || x >= width {
            return &ZEROS;
        }
        let place = ((image * height + y) * width + x) * channels + group * CHANNELS;
        self.0.x.numbers[place..].first_chunk().unwrap_or(&ZEROS)
    }

    /// The 36 numbers of a unit, one of each `step` pixels of `to`.
    #[inline(always)]
    fn unit(&self, unit: usize, group: usize, (to, step): (&mut [Pixel], usize)) {
        let (squares, [top, left]) = (self.squares(), self.0.taps.origin);
        let (line, column) = (unit / squares.width, unit % squares.width * PIXELS);
        let (image, line) = (line / squares.height, line % squares.height * PIXELS);
        let mut lines = [[[0.0; CHANNELS]; PARTS]; PARTS];
        for (y, made) in lines.iter_mut().enumerate() {
            // Before the first there are zeros: the difference is no place of a pixel.
            let place = |x: usize| [image, (line + y).wrapping_sub(top), (column + x).wrapping_sub(left)];
            transform(std::array::from_fn(|x| self.pixel(place(x), group)), made);
        }
        for x in 0..PARTS {
            let mut made: Six = [[0.0; CHANNELS]; PARTS];
            transform(std::array::from_fn(|y| &lines[y][x]), &mut made);
            for (y, made) in made.iter().enumerate() {
                to[(y * PARTS + x) * step] = *made;
            }
        }
    }

    /// A group's part of a panel, out of its taps `[lines][3][CHANNELS]`: one of each `step` groups of `to`.
    #[inline(always)]
    fn taps(taps: &[Column], (to, step): (&mut [Column], usize)) {
        for channel in 0..CHANNELS {
            let mut lines = [[[0.0; PANEL]; PARTS]; LINES];
            for (line, made) in lines.iter_mut().enumerate() {
                let of_line = [0, 1, 2].map(|tap| &taps[(LINES * line + tap) * CHANNELS + channel]);
                transform_taps(of_line, made);
            }
            for x in 0..PARTS {
                let mut made = [[0.0; PANEL]; PARTS];
                transform_taps([0, 1, 2].map(|line| &lines[line][x]), &mut made);
                for (y, made) in made.iter().enumerate() {
                    to[(y * PARTS + x) * step * CHANNELS + channel] = *made;
                }
            }
        }
    }
}

/// The sums of a unit's products, one of each `count` of `sums`, to those of its pixels.
#[inline(always)]
fn restore_square(sums: &[Column], count: usize, to: &mut [[Column; PIXELS]; PIXELS]) {
    let mut columns = [[[0.0; PANEL]; PARTS]; PIXELS];
    for x in 0..PARTS {
        let mut made = [[0.0; PANEL]; PIXELS];
        restore(std::array::from_fn(|y| &sums[(y * PARTS + x) * count]), &mut made);
        for (line, made) in columns.iter_mut().zip(made) {
            line[x] = made;
        }
    }
    for (line, to) in columns.iter().zip(to) {
        restore(std::array::from_fn(|x| &line[x]), to);
    }
}

impl Factors for SquareFactors<'_> {
    fn arithmetic(&self) -> Arithmetic {
        self.0.arithmetic
    }

    fn pixels(&self) -> usize {
        PIXELS * PIXELS
    }

    fn most_units(&self) -> usize {
        (WORDS / self.depth()).clamp(UNITS.start, UNITS.end)
    }

    fn most_panels(&self) -> usize {
        usize::MAX
    }

    fn units(&self, _shape: Shape) -> usize {
        self.squares().rows()
    }

    fn parts(&self) -> usize {
        PRODUCTS
    }

    fn depth(&self) -> usize {
        PRODUCTS * self.0.x.shape.channels
    }

    fn blocks(&self) -> usize {
        1
    }

    fn depth_of(&self, _block: usize) -> usize {
        self.depth()
    }

    fn gathered(&self, places: &Places) -> usize {
        places.rows.len() * self.depth()
    }

    /// `[parts][units][channels]`.
    fn rows<'a>(&'a self, _block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a> {
        let (groups, count, run) = (self.groups(), places.rows.len(), self.0.x.shape.channels);
        let pixels = space.as_chunks_mut::<CHANNELS>().0;
        vectorised(
            #[inline(always)]
            || {
                for (i, unit) in places.rows.clone().enumerate() {
                    for group in 0..groups {
                        self.unit(unit, group, (&mut pixels[i * groups + group..], count * groups));
                    }
                }
            },
        );
        Rows { part: count * run, ..Rows::dense(space, count, run, run) }
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

    /// `[parts][channels][PANEL]`.
    fn panel_of(
        &self,
        weight: &Weight,
        _block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        let (taps, space) = space.split_at_mut(TAPS * CHANNELS * PANEL);
        let panel = panel.as_chunks_mut::<PANEL>().0;
        for group in 0..self.groups() {
            self.0.panel_of(weight, group, outputs, space, taps);
            let to = &mut panel[group * CHANNELS..];
            vectorised(
                #[inline(always)]
                || Self::taps(taps.as_chunks::<PANEL>().0, (to, self.groups())),
            );
        }
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
        let (squares, to, count) = (self.squares(), self.0.to, units.len());
        let sums = sums.as_chunks::<PANEL>().0;
        for (i, unit) in units.enumerate() {
            let (line, x) = (unit / squares.width, unit % squares.width * PIXELS);
            let (image, first) = (line / squares.height, line % squares.height * PIXELS);
            let mut restored = [[[0.0; PANEL]; PIXELS]; PIXELS];
            vectorised(
                #[inline(always)]
                || restore_square(&sums[i..], count, &mut restored),
            );
            for (y, pixels) in (first..to.height).zip(&mut restored) {
                let pixels = pixels[..PIXELS.min(to.width - x)].as_flattened_mut();
                // SAFETY: the caller's promise.
                unsafe { finish.write(pixels, (image * to.height + y) * to.width + x, at, out) };
            }
        }
    }
}
