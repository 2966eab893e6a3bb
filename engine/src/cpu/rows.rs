//! The rows of a product: where they lie, and what of them is multiplied.

use std::ops::Range;

/// Rows of a block at most: what it costs to convert a weight is spread over so many.
pub(super) const ROWS: usize = 512;

/// Where the rows of a task find their words, if not one after the other.
#[derive(Debug)]
pub(super) struct Places {
    /// The rows of outputs.
    pub(super) rows: Range<usize>,
    /// The pixel in which each row's window begins.
    pub(super) starts: Vec<usize>,
    /// The pixels of a window, counted from its first.
    pub(super) taps: Vec<usize>,
}

impl Places {
    /// One after the other.
    pub(super) fn dense(rows: Range<usize>) -> Self {
        Self { rows, starts: vec![], taps: vec![] }
    }
}

/// Rows made ready for one block of depth.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) words: &'a [f32],
    /// As [`Places`] has them.
    pub(super) starts: &'a [usize],
    pub(super) taps: &'a [usize],
    /// Words from a pixel to the next.
    pub(super) pixel: usize,
    /// Words of each pixel that are multiplied.
    pub(super) run: usize,
    /// Words from one part of a pixel to the next, where sums are put together from several.
    pub(super) part: usize,
}

/// Pixels one after the other.
static DENSE: [usize; ROWS] = {
    let (mut starts, mut place) = ([0; ROWS], 0);
    while place < ROWS {
        starts[place] = place;
        place += 1;
    }
    starts
};

impl<'a> Rows<'a> {
    /// `count` rows, at most [`ROWS`], one after the other, `pixel` words apart, of which `run` are multiplied.
    pub(super) fn dense(words: &'a [f32], count: usize, pixel: usize, run: usize) -> Self {
        Self { words, starts: &DENSE[..count], taps: &[0], pixel, run, part: 0 }
    }

    /// The words up to the last that is multiplied.
    pub(super) fn reach(&self) -> usize {
        let last = |pixels: &[usize]| pixels.iter().max().copied().unwrap_or(0);
        (last(self.starts) + last(self.taps)) * self.pixel + self.run
    }
}
