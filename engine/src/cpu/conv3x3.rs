//! 3×3 convolutions: the nine pixels under each output side by side, times the weights.
//!
//! Channels are taken 32 at a time: a block of depth is `[9 taps][32 channels]`, gathered for a block
//! of rows and multiplied while it is in cache; the whole im2col matrix never exists. Weights stand
//! as `[out][in][3][3]` in the checkpoint and are brought to `[tap][in]` as their panel is turned.
//!
//! Twin: `reference::product`. NMSE ≤ 1e-12.

use super::epilogue::Finish;
use super::functions::vectorised;
use super::panel::{self, Depth, Outputs};
use super::product::{self, Factors, Rows};
use super::value::{Turn, Value};
use crate::graph::{Epilogue, Shape};
use crate::weights::Weight;

/// Channels of a block of depth: nine times as many numbers.
const CHANNELS: usize = 32;
const TAPS: usize = 9;

pub(super) fn conv3x3(
    (weight, stride): (&Weight, usize),
    epilogue: &Epilogue,
    turn: &Turn<'_>,
    out: &mut [f32],
) {
    let factors = Conv3x3 { weight, stride, x: turn.inputs[0], to: turn.shape };
    product::run(&factors, &Finish::new(epilogue, turn), turn, out);
}

struct Conv3x3<'a> {
    weight: &'a Weight,
    stride: usize,
    x: Value<'a>,
    to: Shape,
}

impl Conv3x3<'_> {
    fn channels_of(&self, block: usize) -> usize {
        CHANNELS.min(self.x.shape.channels - block * CHANNELS)
    }

    /// The pixel under each tap, row by row; `None` where it is off the picture.
    #[inline(always)]
    fn taps(&self, row: usize) -> [Option<usize>; TAPS] {
        let (from, to) = (self.x.shape, self.to);
        let (image, place) = (row / to.pixels(), row % to.pixels());
        let (top, left) = (place / to.width * self.stride, place % to.width * self.stride);
        std::array::from_fn(|tap| {
            // The picture starts one pixel of zeros later.
            let (y, x) = ((top + tap / 3).checked_sub(1)?, (left + tap % 3).checked_sub(1)?);
            (y < from.height && x < from.width).then(|| (image * from.height + y) * from.width + x)
        })
    }
}

impl Factors for Conv3x3<'_> {
    fn depth(&self) -> usize {
        TAPS * CHANNELS.min(self.x.shape.channels)
    }

    fn blocks(&self) -> usize {
        self.x.shape.channels.div_ceil(CHANNELS)
    }

    fn depth_of(&self, block: usize) -> usize {
        TAPS * self.channels_of(block)
    }

    fn gathered(&self, rows: usize) -> usize {
        rows * self.depth()
    }

    fn rows<'a>(&'a self, block: usize, rows: std::ops::Range<usize>, space: &'a mut [f32]) -> Rows<'a> {
        let (all, first, count) = (self.x.shape.channels, block * CHANNELS, self.channels_of(block));
        vectorised(
            #[inline(always)]
            || {
                for (row, line) in rows.zip(space.chunks_exact_mut(TAPS * count)) {
                    for (pixel, to) in self.taps(row).into_iter().zip(line.chunks_exact_mut(count)) {
                        let from = pixel.map(|pixel| &self.x.numbers[pixel * all + first..][..count]);
                        copy(from, to);
                    }
                }
            },
        );
        Rows { numbers: space, stride: TAPS * count }
    }

    fn panel(&self, block: usize, outputs: Outputs, space: &mut [f32], panel: &mut [f32]) {
        let channels = self.channels_of(block);
        let place = |k: usize| k % TAPS * channels + k / TAPS;
        let depth = Depth { start: block * CHANNELS * TAPS, count: TAPS * channels, place };
        panel::fill(self.weight, outputs, depth, space, panel);
    }
}

/// Copies one pixel's channels; a full block's length is known, so that takes no call.
#[inline(always)]
fn copy(from: Option<&[f32]>, to: &mut [f32]) {
    let Some(from) = from else { return to.fill(0.0) };
    match (<&[f32; CHANNELS]>::try_from(from), <&mut [f32; CHANNELS]>::try_from(&mut *to)) {
        (Ok(from), Ok(to)) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}
