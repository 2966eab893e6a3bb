//! Matrices in eight bits, as shared/weight.wgsl reads them.
//!
//! For every 32 rows of K' the scales of all columns in pairs of halves, then the integers: words of four
//! rows each, the first in the lowest byte, of all columns. So no kernel need know how deep a matrix is.

use rayon::prelude::*;

use crate::weights::{EIGHT_BITS_CHANNELS as CHANNELS, EightBits, Weight};

/// Outputs that are read at once: what a LoRA adds to a weight is made for so many together.
const TOGETHER: usize = 16;

/// Words of 32 rows of this many columns.
pub(super) fn block_words(columns: usize) -> usize {
    columns / 2 + CHANNELS / 4 * columns
}

/// Packs a matrix of `width` columns, 32 channels of all outputs at a time. `column` tells the place of an output.
pub(super) fn pack(weight: &Weight, column: impl Fn(usize) -> usize + Sync, width: usize, words: &mut [u32]) {
    let places = weight.shape()[1] / CHANNELS;
    let taps = weight.fan_in() / weight.shape()[1];
    let mut blocks: Vec<Vec<&mut [u32]>> = (0..places).map(|_| Vec::with_capacity(taps)).collect();
    for (number, block) in words.chunks_exact_mut(block_words(width)).enumerate() {
        blocks[number % places].push(block);
    }
    blocks.into_par_iter().enumerate().for_each(|(place, mut of_taps)| {
        let mut read = vec![EightBits::ZERO; TOGETHER * taps];
        for first in (0..weight.outputs()).step_by(TOGETHER) {
            let read = &mut read[..TOGETHER.min(weight.outputs() - first) * taps];
            weight.read_blocks(first, place, read);
            for (output, read) in (first..).zip(read.chunks_exact(taps)) {
                let column = column(output);
                of_taps.iter_mut().zip(read).for_each(|(block, read)| put(block, width, column, read));
            }
        }
    });
}

/// Puts one column into a block that is zero there.
fn put(block: &mut [u32], width: usize, column: usize, read: &EightBits) {
    block[column / 2] |= u32::from(read.scale.to_bits()) << (16 * (column % 2));
    let rows = block[width / 2 + column..].iter_mut().step_by(width);
    for (word, four) in rows.zip(read.numbers.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(four.map(i8::cast_unsigned));
    }
}
