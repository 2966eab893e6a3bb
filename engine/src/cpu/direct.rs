//! 3×3 convolutions as one product: the nine pixels under each output side by side, times the weights.
//!
//! Channels are taken 32 at a time: a block of depth is `[9 taps][32 channels]`, and what a block of rows sees of them is
//! multiplied while it is in cache; the whole im2col matrix never exists. Where the processor's tiles look through the
//! taps of a window, the lines that are seen are copied once ([`super::lines`]), else each pixel to all nine places.
//! Weights stand as `[out][in][3][3]` in the checkpoint and are brought to `[tap][in]` as their panel is turned.
//!
//! Twin: `reference::product`. NMSE ≤ 1e-12.

use std::ops::Range;

use super::arithmetic::Arithmetic;
use super::functions::vectorised;
use super::kept::Kept;
use super::lines::{CHANNELS, Lines, copy};
use super::panel::{self, Depth, Outputs, PANEL};
use super::product::Factors;
use super::rows::{Places, Rows};
use super::value::Value;
use crate::graph::{Shape, Window};
use crate::weights::Weight;

/// Pixels under an output.
pub(super) const TAPS: usize = 9;

/// What is seen at each place, and by how much it counts.
pub(super) struct Taps<'a> {
    pub(super) weight: &'a Weight,
    pub(super) window: Window,
}

#[derive(Clone, Copy)]
struct Pixel {
    image: usize,
    y: usize,
    x: usize,
}

pub(super) struct DirectFactors<'a> {
    pub(super) taps: Taps<'a>,
    pub(super) x: Value<'a>,
    pub(super) to: Shape,
    pub(super) arithmetic: Arithmetic,
    pub(super) kept: Option<&'a Kept>,
}

impl DirectFactors<'_> {
    fn channels_of(&self, block: usize) -> usize {
        CHANNELS.min(self.x.shape.channels - block * CHANNELS)
    }

    /// The same, padded to whole words.
    fn padded(&self, block: usize) -> usize {
        self.channels_of(block).next_multiple_of(self.arithmetic.numbers())
    }

    /// What rows see of a picture.
    fn lines(&self, rows: Range<usize>) -> Lines<'_> {
        Lines::new(self.x, self.to, self.taps.window, rows)
    }

    /// The nine pixels under each row, side by side, for one block of depth.
    fn gather_rows(&self, block: usize, rows: Range<usize>, space: &mut [f32]) {
        let (to, stride) = (self.to, self.depth_of(block));
        let mut row = rows.start;
        while row < rows.end {
            let (line, x) = (row / to.width, row % to.width);
            let count = (to.width - x).min(rows.end - row);
            let lines = &mut space[(row - rows.start) * stride..][..count * stride];
            let place = Pixel { image: line / to.height, y: line % to.height, x };
            vectorised(
                #[inline(always)]
                || {
                    for tap in 0..TAPS {
                        self.gather(tap, place, block, lines);
                    }
                },
            );
            row += count;
        }
    }

    /// Copies the pixels under one tap of neighbouring outputs, from `at` in the output on,
    /// each to its place in one of the `lines [..][9 taps][channels of the block]`.
    #[inline(always)]
    fn gather(&self, tap: usize, at: Pixel, block: usize, lines: &mut [f32]) {
        let Pixel { image, y, x } = at;
        let (from, count) = (self.x.shape, self.channels_of(block));
        let window = self.taps.window;
        let source = window.source(0, (y, tap / 3), from.height);
        let source = source.map(|y| (image * from.height + y) * from.width);
        for (i, line) in lines.chunks_exact_mut(TAPS * count).enumerate() {
            let to = &mut line[tap * count..][..count];
            if let (Some(source), Some(x)) = (source, window.source(1, (x + i, tap % 3), from.width)) {
                let pixel = (source + x) * from.channels + block * CHANNELS;
                copy(&self.x.numbers[pixel..][..count], to);
            } else {
                to.fill(0.0);
            }
        }
    }
}

impl Factors for DirectFactors<'_> {
    fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    fn depth(&self) -> usize {
        TAPS * CHANNELS.min(self.x.shape.channels.next_multiple_of(self.arithmetic.numbers()))
    }

    fn blocks(&self) -> usize {
        self.x.shape.channels.div_ceil(CHANNELS)
    }

    fn depth_of(&self, block: usize) -> usize {
        TAPS * self.padded(block)
    }

    fn places(&self, rows: Range<usize>) -> Places {
        if self.arithmetic.sees_windows() { self.lines(rows).places() } else { Places::dense(rows) }
    }

    fn gathered(&self, places: &Places) -> usize {
        if self.arithmetic.sees_windows() {
            let channels = CHANNELS.min(self.x.shape.channels);
            self.lines(places.rows.clone()).pixels() * channels.div_ceil(self.arithmetic.numbers())
        } else {
            places.rows.len() * self.depth()
        }
    }

    fn rows<'a>(&'a self, block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a> {
        if !self.arithmetic.sees_windows() {
            self.gather_rows(block, places.rows.clone(), space);
            return Rows::dense(space, places.rows.len(), self.depth_of(block), self.depth_of(block));
        }
        let first = block * CHANNELS;
        let channels = first..first + self.channels_of(block);
        let words = self.padded(block) / self.arithmetic.numbers();
        self.lines(places.rows.clone()).copy(channels, self.arithmetic, space);
        Rows { words: space, starts: &places.starts, taps: &places.taps, pixel: words, run: words, part: 0 }
    }

    fn weight(&self) -> &Weight {
        self.taps.weight
    }

    fn kept(&self) -> Option<&Kept> {
        self.kept
    }

    fn panel_of(
        &self,
        weight: &Weight,
        block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        let (channels, padded) = (self.channels_of(block), self.padded(block));
        if padded > channels {
            panel[..TAPS * padded * PANEL].fill(0.0);
        }
        let place = |k: usize| k % TAPS * padded + k / TAPS;
        let depth = Depth { start: block * CHANNELS * TAPS, count: TAPS * channels, place };
        panel::fill(weight, outputs, depth, space, panel);
    }
}
