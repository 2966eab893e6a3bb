//! Matrices of small integers with scales, as kernels read them.
//!
//! With depth outermost (shared/weight.wgsl): for every 32 rows of K' first the scales of all columns, in pairs of halves,
//! or in four bits each column's scale and shift; then words of four integers in eight bits, the first in the lowest byte,
//! or of eight in four bits, of all columns. So no kernel need know how deep a matrix is.
//!
//! With outputs outermost (shared/right_bytes.wgsl, shared/right_nibbles.wgsl): the integers of an output are one run; the
//! scales, or scales and shifts, of all outputs follow, of each in one run, too. The halves of a word hold neighbouring
//! integers in the same places, so that two are made halves at once.

use rayon::prelude::*;

use super::stored::Stored;
use crate::weights::{BLOCK_CHANNELS as CHANNELS, QuantisedBlock, Weight};

/// Outputs that are read at once: what a LoRA adds to a weight is made for so many together.
const TOGETHER: usize = 16;

/// Words of the integers of a block.
fn integer_words(stored: Stored) -> usize {
    if stored == Stored::Q4 { CHANNELS / 8 } else { CHANNELS / 4 }
}

/// Bytes of what a block's integers are scaled and shifted by.
fn scale_bytes(stored: Stored) -> usize {
    if stored == Stored::Q4 { 4 } else { 2 }
}

/// 32-channel places and taps of a weight.
fn places_and_taps(weight: &Weight) -> (usize, usize) {
    let channels = weight.shape()[1];
    (channels / CHANNELS, weight.fan_in() / channels)
}

/// Packs a matrix with depth outermost, 32 channels of all outputs at a time. `column` tells the place of an output.
pub(super) fn pack(
    weight: &Weight,
    stored: Stored,
    column: impl Fn(usize) -> usize + Sync,
    words: &mut [u32],
) {
    let (places, taps) = places_and_taps(weight);
    let block_words = words.len() / (places * taps);
    let mut blocks: Vec<Vec<&mut [u32]>> = (0..places).map(|_| Vec::with_capacity(taps)).collect();
    for (number, block) in words.chunks_exact_mut(block_words).enumerate() {
        blocks[number % places].push(block);
    }
    blocks.into_par_iter().enumerate().for_each(|(place, mut of_taps)| {
        let mut read = vec![QuantisedBlock::ZERO; TOGETHER * taps];
        for first in (0..weight.outputs()).step_by(TOGETHER) {
            let read = &mut read[..TOGETHER.min(weight.outputs() - first) * taps];
            weight.read_blocks(first, place, read);
            for (output, read) in (first..).zip(read.chunks_exact(taps)) {
                let column = column(output);
                of_taps.iter_mut().zip(read).for_each(|(block, read)| put(block, stored, column, read));
            }
        }
    });
}

/// Puts one column into a block that is zero there.
fn put(block: &mut [u32], stored: Stored, column: usize, read: &QuantisedBlock) {
    let width = 4 * block.len() / (4 * integer_words(stored) + scale_bytes(stored));
    let (scales, integers) = block.split_at_mut(width * scale_bytes(stored) / 4);
    let integers = integers[column..].iter_mut().step_by(width);
    let scale = u32::from(read.scale.to_bits());
    if stored == Stored::Q4 {
        scales[column] = scale | u32::from(read.shift.to_bits()) << 16;
        let eights = read.integers.as_chunks().0;
        integers.zip(eights).for_each(|(word, eight)| *word = nibbles(eight));
    } else {
        scales[column / 2] |= scale << (16 * (column % 2));
        let fours = read.integers.as_chunks::<4>().0;
        integers.zip(fours).for_each(|(word, four)| *word = u32::from_le_bytes(four.map(i8::cast_unsigned)));
    }
}

/// Packs a matrix with outputs outermost. `output` tells what has a place; nothing has that of padding.
pub(super) fn pack_outputs(
    weight: &Weight,
    stored: Stored,
    output: impl Fn(usize) -> Option<usize> + Sync,
    words: &mut [u32],
) {
    let (places, taps) = places_and_taps(weight);
    let (run, scale_run) = (places * taps * integer_words(stored), places * taps * scale_bytes(stored));
    let columns = 4 * words.len() / (4 * run + scale_run);
    let (integers, scales) = words.split_at_mut(columns * run);
    let scales: &mut [u8] = bytemuck::cast_slice_mut(scales);
    let runs = integers.par_chunks_exact_mut(run).zip(scales.par_chunks_exact_mut(scale_run)).enumerate();
    runs.for_each(|(place, (integers, scales))| {
        let Some(output) = output(place) else { return };
        let mut blocks = vec![QuantisedBlock::ZERO; taps];
        for place in 0..places {
            weight.read_blocks(output, place, &mut blocks);
            for (tap, block) in blocks.iter().enumerate() {
                let at = tap * places + place;
                let words = &mut integers[at * integer_words(stored)..][..integer_words(stored)];
                put_run(words, &mut scales[at * scale_bytes(stored)..][..scale_bytes(stored)], stored, block);
            }
        }
    });
}

/// Puts 32 integers of an output, and what belongs to them.
fn put_run(words: &mut [u32], scales: &mut [u8], stored: Stored, block: &QuantisedBlock) {
    let QuantisedBlock { scale, shift, integers } = block;
    scales[..2].copy_from_slice(&scale.to_le_bytes());
    if stored == Stored::Q4 {
        scales[2..].copy_from_slice(&shift.to_le_bytes());
        words.iter_mut().zip(integers.as_chunks().0).for_each(|(word, eight)| *word = nibbles(eight));
    } else {
        words.iter_mut().zip(integers.as_chunks().0).for_each(|(word, four)| *word = bytes(four));
    }
}

/// Four integers of eight bits, each 128 more than it is: with the bits of 1024 above them they are halves.
fn bytes([a, b, c, d]: &[i8; 4]) -> u32 {
    u32::from_le_bytes([a, c, b, d].map(|integer| integer.cast_unsigned() ^ 0x80))
}

/// Eight integers of four bits.
fn nibbles(eight: &[i8; 8]) -> u32 {
    let two = |place: usize| {
        let [low, high] =
            [eight[2 * place], eight[2 * place + 1]].map(|integer| u32::from(integer.cast_unsigned()));
        (low | high << 16) << (4 * place)
    };
    (0..4).map(two).sum()
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn half(bits: u32) -> f32 {
        f16::from_bits(bits as u16).to_f32()
    }

    /// A matrix or kernel of numbers without any order.
    fn made(shape: &[usize], stored: Stored) -> Weight {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|v| ((v * 7919 % 1009) as f32 - 504.0) / 64.0).collect();
        let weight = Weight::from_f32("w", shape.to_vec(), &values);
        let stored_so = if stored == Stored::Q4 { weight.as_q4_1() } else { weight };
        let weight = stored_so.quantised().expect("whole blocks");
        assert_eq!(weight.quantisation().map(Stored::from), Some(stored));
        weight
    }

    /// A number with depth outermost.
    fn of_depth(words: &[u32], stored: Stored, columns: usize, row: usize, column: usize) -> f32 {
        let block_words = columns * (integer_words(stored) * 4 + scale_bytes(stored)) / 4;
        let block = &words[row / 32 * block_words..][..block_words];
        let (scales, integers) = block.split_at(columns * scale_bytes(stored) / 4);
        if stored == Stored::Q4 {
            let word = integers[row % 32 / 8 * columns + column];
            let integer = word >> (row % 8 / 2 * 4 + row % 2 * 16) & 15;
            return integer as f32 * half(scales[column]) + half(scales[column] >> 16);
        }
        let integer = integers[row % 32 / 4 * columns + column].to_le_bytes()[row % 4].cast_signed();
        f32::from(integer) * half(scales[column / 2] >> (16 * (column % 2)))
    }

    /// A number with outputs outermost.
    fn of_outputs(
        words: &[u32],
        stored: Stored,
        (rows, columns): (usize, usize),
        row: usize,
        column: usize,
    ) -> f32 {
        let place = column * rows + row;
        let (integers, scales) = words.split_at(rows * columns / 32 * integer_words(stored));
        if stored == Stored::Q4 {
            let integer = integers[place / 8] >> (place % 8 / 2 * 4 + place % 2 * 16) & 15;
            return integer as f32 * half(scales[place / 32]) + half(scales[place / 32] >> 16);
        }
        let byte = [0, 2, 1, 3][place % 4];
        let integer = f32::from(integers[place / 4].to_le_bytes()[byte]) - 128.0;
        integer * half(scales[place / 64] >> (16 * (place / 32 % 2)))
    }

    /// Both orders of a weight, whose outputs have these places among `width`, and what each has in every place.
    fn check(weight: &Weight, stored: Stored, places: &[usize], width: usize) {
        let rows = weight.fan_in();
        let [mut depth, mut outputs] = [(); 2].map(|()| vec![0; stored.words(rows * width)]);
        pack(weight, stored, |output| places[output], &mut depth);
        pack_outputs(weight, stored, |place| places.iter().position(|other| *other == place), &mut outputs);
        let (whole, channels) = (weight.to_f32(), weight.shape()[1]);
        let mut wanted = vec![0.0; rows * width];
        for (output, place) in places.iter().enumerate() {
            for row in 0..rows {
                let number = output * rows + row % channels * (rows / channels) + row / channels;
                wanted[place * rows + row] = whole[number];
            }
        }
        for (place, wanted) in wanted.into_iter().enumerate() {
            let (row, column) = (place % rows, place / rows);
            let found = [
                of_depth(&depth, stored, width, row, column),
                of_outputs(&outputs, stored, (rows, width), row, column),
            ];
            assert_eq!(found, [wanted; 2], "row {row} of column {column}");
        }
    }

    #[test]
    fn both_orders_hold_what_is_read_and_zeros_in_padding() {
        let places = [0, 1, 4, 5, 8, 9, 2, 3, 6, 7];
        check(&made(&[10, 64, 3, 3], Stored::Q8), Stored::Q8, &places, 16);
        check(&made(&[10, 96], Stored::Q8), Stored::Q8, &places, 16);
        check(&made(&[10, 96], Stored::Q4), Stored::Q4, &places, 16);
    }
}
