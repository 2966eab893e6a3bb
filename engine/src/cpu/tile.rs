//! The innermost loops of a product: a tile of sums that stays in registers, whatever the vectors.

use super::panel::PANEL;
use super::rows::Rows;

/// A vector of words. A word is a number in f32, or two in bf16, of which each is multiplied with its counterpart and
/// both products are added.
///
/// # Safety
/// Only where the processor has the instructions, and from functions that are compiled for them.
pub(super) trait Lanes: Copy {
    /// Words in a vector.
    const WORDS: usize;

    /// Nothing but zeros.
    unsafe fn zero() -> Self;

    /// The words from a place on.
    ///
    /// # Safety
    /// There are so many.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes the words from a place on.
    ///
    /// # Safety
    /// There is room for so many.
    unsafe fn store(self, to: *mut f32);

    /// This word everywhere.
    unsafe fn spread(word: f32) -> Self;

    /// Sums in f32, word by word.
    unsafe fn add(self, other: Self) -> Self;

    /// `self + a · b`, the sums being f32.
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self;
}

/// `sums [rows][PANEL] = rows · panel`, or `+=` where there are sums already.
#[derive(Debug)]
pub(super) struct Product<'a> {
    /// `[taps][run][PANEL]`.
    pub(super) panel: &'a [f32],
    pub(super) rows: &'a Rows<'a>,
    pub(super) sums: &'a mut [f32],
    /// Whether there are sums.
    pub(super) more: bool,
}

impl Product<'_> {
    /// Computes `VECTORS` vectors of columns from `column` on, `TALL` rows at a time.
    ///
    /// # Safety
    /// As [`Lanes`]. The panel, the rows and the sums are as long as [`super::product::multiply`] asserts.
    #[inline(always)]
    pub(super) unsafe fn columns<L: Lanes, const VECTORS: usize, const TALL: usize>(
        &mut self,
        column: usize,
    ) {
        let (rows, mut row) = (self.rows.starts.len(), 0);
        // SAFETY: the caller's promise; no tile reaches beyond the last row.
        unsafe {
            while row + TALL <= rows {
                self.tile::<L, VECTORS, TALL>(row, column);
                row += TALL;
            }
            // Four rows have sums enough to hide how long a multiplication takes, two have not.
            while TALL > 4 && row + 4 <= rows {
                self.tile::<L, VECTORS, 4>(row, column);
                row += 4;
            }
            while row + 2 <= rows {
                self.tile::<L, VECTORS, 2>(row, column);
                row += 2;
            }
            if row < rows {
                self.tile::<L, VECTORS, 1>(row, column);
            }
        }
    }

    /// Every sum is taken in the order of taps and words, wherever its tile begins.
    ///
    /// # Safety
    /// As [`Product::columns`], and `TALL` rows lie ahead.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const VECTORS: usize, const TALL: usize>(&mut self, row: usize, column: usize) {
        let Rows { words, starts, taps, pixel, run, .. } = self.rows;
        let starts: [usize; TALL] = std::array::from_fn(|i| starts[row + i]);
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[L::zero(); VECTORS]; TALL];
            let mut weights = self.panel.as_ptr().add(column);
            for tap in *taps {
                let seen = starts.map(|start| words.as_ptr().add((start + tap) * pixel));
                for place in 0..*run {
                    let weight: [L; VECTORS] = std::array::from_fn(|v| L::load(weights.add(v * L::WORDS)));
                    weights = weights.add(PANEL);
                    for (sums, seen) in sums.iter_mut().zip(seen) {
                        let word = L::spread(*seen.add(place));
                        for (sum, weight) in sums.iter_mut().zip(weight) {
                            *sum = sum.multiply_add(weight, word);
                        }
                    }
                }
            }
            let to = self.sums.as_mut_ptr().add(row * PANEL + column);
            for (i, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    let to = to.add(i * PANEL + v * L::WORDS);
                    let sum = if self.more { L::load(to).add(sum) } else { sum };
                    sum.store(to);
                }
            }
        }
    }
}
