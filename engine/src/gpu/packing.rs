//! Weights as kernels want them: transposed to `[K'][N']`, padded to multiples of 8 with zeros, in
//! pairs of halves, f32 or small integers. Made on the CPU while they are copied to the device.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::doubled;
use super::quantised;
use super::stored::Stored;
use crate::weights::Weight;

/// How a matrix's columns (its outputs) are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Columns {
    /// As they are.
    Plain,
    /// GEGLU: values (the first half) and gates (the second) in turn by twos: v0 v1 g0 g1 v2 v3 …,
    /// so that a thread that owns four columns writes one pair.
    Geglu,
}

impl Columns {
    /// Columns of the packed matrix.
    pub(super) fn padded(self, outputs: usize) -> usize {
        match self {
            Self::Plain => outputs.next_multiple_of(8),
            Self::Geglu => 2 * (outputs / 2).next_multiple_of(8),
        }
    }

    /// The output that has a packed place; `None` for padding.
    fn output(self, place: usize, outputs: usize) -> Option<usize> {
        match self {
            Self::Plain => Some(place).filter(|n| *n < outputs),
            Self::Geglu => {
                let n = place / 4 * 2 + place % 2;
                let gates = if place % 4 < 2 { 0 } else { outputs / 2 };
                Some(n + gates).filter(|_| n < outputs / 2)
            }
        }
    }

    /// The packed place of output `n`.
    fn place(self, n: usize, outputs: usize) -> usize {
        match self {
            Self::Plain => n,
            Self::Geglu => {
                let (gate, n) = if n < outputs / 2 { (0, n) } else { (2, n - outputs / 2) };
                n / 2 * 4 + gate + n % 2
            }
        }
    }
}

/// Along what a product's kernel reads its matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Order {
    /// `[K'][N']`: neighbouring outputs are neighbours.
    Depth,
    /// `[N'][K']`, as checkpoints have it: the depth of an output is one run.
    Outputs,
}

/// A layout on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Packing {
    /// A product's or convolution's matrix: `[K'/2][N']` of pairs (k, k+1), k in the low half, or
    /// `[K'][N']` of f32, or as `quantised` has it. `K' = tap · pitch + channel`, the pitch being the input channels rounded
    /// up to a multiple of 8.
    Matrix {
        /// Its numbers.
        stored: Stored,
        /// The order of the outputs.
        columns: Columns,
        /// Of its two sides.
        order: Order,
        /// Whether it is a convolution's of a doubled picture: four matrices, one after another ([`doubled::weights`]).
        doubled: bool,
    },
    /// A bias, scale or shift in f32.
    Vector {
        /// The order of its numbers.
        columns: Columns,
    },
    /// An embedding table: rows as they are, each padded to its pitch.
    Table {
        /// Its numbers; pairs of halves stand along the row.
        stored: Stored,
    },
}

/// The size of a packed weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extents {
    /// K' of a matrix, rows of a table, 1 for a vector.
    pub rows: usize,
    /// N' of a matrix, the pitch of a table or vector.
    pub columns: usize,
    /// Its numbers.
    pub stored: Stored,
}

impl Extents {
    /// Bytes on the device.
    pub(super) fn bytes(&self) -> u64 {
        self.stored.bytes(self.rows * self.columns) as u64
    }
}

/// `(input channels, taps)` of a product (one tap) or convolution (nine).
fn channels_and_taps(weight: &Weight) -> (usize, usize) {
    let channels = weight.shape().get(1).copied().unwrap_or(1);
    (channels, weight.fan_in() / channels.max(1))
}

/// The size that `weight` has once it is packed.
pub(super) fn packed_extents(weight: &Weight, packing: Packing) -> Extents {
    match packing {
        Packing::Matrix { stored, columns, doubled, .. } => {
            let (channels, taps) = channels_and_taps(weight);
            let taps = if doubled { doubled::PARITIES * doubled::TAPS } else { taps };
            let rows = taps * channels.next_multiple_of(8);
            Extents { rows, columns: columns.padded(weight.outputs()), stored }
        }
        Packing::Vector { columns } => {
            Extents { rows: 1, columns: columns.padded(weight.len()), stored: Stored::F32 }
        }
        Packing::Table { stored } => {
            Extents { rows: weight.outputs(), columns: weight.fan_in().next_multiple_of(8), stored }
        }
    }
}

/// The packed words.
pub(super) fn pack(weight: &Weight, packing: Packing) -> Vec<u32> {
    if let Packing::Matrix { doubled: doubled @ true, stored, columns, order } = packing {
        let packing = Packing::Matrix { doubled: !doubled, stored, columns, order };
        return doubled::weights(weight).flat_map(|weight| pack(&weight, packing)).collect();
    }
    let extents = packed_extents(weight, packing);
    let mut words = vec![0u32; extents.bytes() as usize / 4];
    match packing {
        Packing::Matrix { columns, stored, order, .. } if stored.is_quantised() => match order {
            Order::Depth => {
                let column = |output| columns.place(output, weight.outputs());
                quantised::pack(weight, stored, column, &mut words);
            }
            Order::Outputs => {
                let output = |place| columns.output(place, weight.outputs());
                quantised::pack_outputs(weight, stored, output, &mut words);
            }
        },
        Packing::Matrix { columns, order: Order::Depth, .. } => {
            pack_matrix(weight, columns, extents, &mut words);
        }
        Packing::Matrix { columns, order: Order::Outputs, .. } => {
            pack_outputs(weight, columns, extents, &mut words);
        }
        Packing::Vector { columns } => {
            for (n, value) in weight.to_f32().into_iter().enumerate() {
                words[columns.place(n, weight.len())] = value.to_bits();
            }
        }
        Packing::Table { .. } => pack_table(weight, extents, &mut words),
    }
    words
}

/// Channels that are transposed at once: a line of the cache or two of every output.
const BLOCK: usize = 64;
/// Outputs that are read at once: what a LoRA adds to a weight is made for so many together.
const TOGETHER: usize = 16;

/// Transposes in blocks of channels, in parallel. A block reads a run of every output once, and
/// writes rows of its own, for a convolution in each of the nine taps.
fn pack_matrix(weight: &Weight, columns: Columns, extents: Extents, words: &mut [u32]) {
    let (channels, taps) = channels_and_taps(weight);
    let words_of = |rows: usize| extents.stored.words(rows * extents.columns);
    let mut blocks: Vec<Vec<&mut [u32]>> = Vec::new();
    for tap in words.chunks_mut(words_of(extents.rows / taps)) {
        for (place, block) in tap.chunks_mut(words_of(BLOCK)).enumerate() {
            if blocks.len() <= place {
                blocks.push(Vec::new());
            }
            blocks[place].push(block);
        }
    }
    blocks.into_par_iter().enumerate().for_each(|(place, mut block)| {
        let first = place * BLOCK;
        let count = BLOCK.min(channels - first);
        for some in (0..weight.outputs()).step_by(TOGETHER) {
            let bits = read_together(weight, some, first * taps..(first + count) * taps, extents.stored);
            for (n, bits) in (some..).zip(bits.chunks_exact(count * taps)) {
                let column = columns.place(n, weight.outputs());
                for (tap, rows) in block.iter_mut().enumerate() {
                    for channel in 0..count {
                        put(rows, channel, column, extents, bits[channel * taps + tap]);
                    }
                }
            }
        }
    });
}

/// Halves, an output's depth in one run: tap after tap, in each the channels. In parallel over outputs.
fn pack_outputs(weight: &Weight, columns: Columns, extents: Extents, words: &mut [u32]) {
    let (channels, taps) = channels_and_taps(weight);
    let pitch = extents.rows / taps;
    words.par_chunks_mut(extents.rows / 2).enumerate().for_each(|(place, words)| {
        let Some(n) = columns.output(place, weight.outputs()) else { return };
        let mut halves = vec![f16::ZERO; weight.fan_in()];
        weight.read_halves(n * weight.fan_in(), &mut halves);
        let row: &mut [u16] = bytemuck::cast_slice_mut(words);
        for (tap, row) in row.chunks_exact_mut(pitch).enumerate() {
            for (channel, half) in row[..channels].iter_mut().enumerate() {
                *half = halves[channel * taps + tap].to_bits();
            }
        }
    });
}

/// The bits of a piece of several outputs, from the `first` on; of halves the low 16 are theirs.
fn read_together(weight: &Weight, first: usize, piece: Range<usize>, stored: Stored) -> Vec<u32> {
    let mut numbers = vec![0.0; TOGETHER.min(weight.outputs() - first) * piece.len()];
    weight.read_rows(first * weight.fan_in() + piece.start, weight.fan_in(), piece.len(), &mut numbers);
    match stored {
        Stored::F32 | Stored::Q8 | Stored::Q4 => numbers.into_iter().map(f32::to_bits).collect(),
        Stored::F16 => {
            let mut halves = vec![f16::ZERO; numbers.len()];
            halves.convert_from_f32_slice(&numbers);
            halves.into_iter().map(|half| u32::from(half.to_bits())).collect()
        }
    }
}

/// Puts the bits of one number into a row-major block of rows.
fn put(rows: &mut [u32], row: usize, column: usize, extents: Extents, bits: u32) {
    match extents.stored {
        Stored::F16 => rows[row / 2 * extents.columns + column] |= bits << (16 * (row % 2)),
        Stored::F32 | Stored::Q8 | Stored::Q4 => rows[row * extents.columns + column] = bits,
    }
}

fn pack_table(weight: &Weight, extents: Extents, words: &mut [u32]) {
    let channels = weight.fan_in();
    let row_words = extents.stored.words(extents.columns);
    words.par_chunks_mut(row_words).enumerate().for_each(|(row, words)| {
        let mut bits = vec![0u32; channels];
        read_bits(weight, row * channels, extents.stored, &mut bits);
        for (channel, bits) in bits.into_iter().enumerate() {
            match extents.stored {
                Stored::F16 => words[channel / 2] |= bits << (16 * (channel % 2)),
                Stored::F32 | Stored::Q8 | Stored::Q4 => words[channel] = bits,
            }
        }
    });
}

/// The bits of some numbers; of halves the low 16 are theirs.
fn read_bits(weight: &Weight, start: usize, stored: Stored, out: &mut [u32]) {
    match stored {
        Stored::F32 | Stored::Q8 | Stored::Q4 => weight.read(start, bytemuck::cast_slice_mut(out)),
        Stored::F16 => {
            let mut halves = vec![f16::ZERO; out.len()];
            weight.read_halves(start, &mut halves);
            out.iter_mut().zip(halves).for_each(|(out, half)| *out = u32::from(half.to_bits()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Weight {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count).map(|v| v as f32).collect();
        Weight::from_f32("w", shape.to_vec(), &values)
    }

    fn half_of(words: &[u32], extents: Extents, k: usize, n: usize) -> f32 {
        let word = words[k / 2 * extents.columns + n];
        f16::from_bits((word >> (16 * (k % 2))) as u16).to_f32()
    }

    #[test]
    fn a_convolution_is_packed_by_tap_then_channel() {
        let weight = counted(&[3, 5, 3, 3]);
        let packing = Packing::Matrix {
            stored: Stored::F16,
            columns: Columns::Plain,
            order: Order::Depth,
            doubled: false,
        };
        let (words, extents) = (pack(&weight, packing), packed_extents(&weight, packing));
        assert_eq!((extents.rows, extents.columns), (72, 8));
        let (n, channel, tap) = (2, 4, 7);
        let wanted = ((n * 5 + channel) * 9 + tap) as f32;
        assert_eq!(half_of(&words, extents, tap * 8 + channel, n), wanted);
        assert_eq!(half_of(&words, extents, tap * 8 + 5, n), 0.0, "a padding channel");
        assert_eq!(half_of(&words, extents, 0, 3), 0.0, "a padding output");
    }

    #[test]
    fn an_output_is_one_run_of_its_depth_where_kernels_want_that() {
        for (columns, shape) in [(Columns::Plain, [3, 5, 3, 3]), (Columns::Geglu, [12, 21, 1, 1])] {
            let weight = counted(&shape);
            let packing = |order| Packing::Matrix { stored: Stored::F16, columns, order, doubled: false };
            let extents = packed_extents(&weight, packing(Order::Depth));
            assert_eq!(packed_extents(&weight, packing(Order::Outputs)), extents);
            let (by_depth, by_output) =
                (pack(&weight, packing(Order::Depth)), pack(&weight, packing(Order::Outputs)));
            for k in 0..extents.rows {
                for n in 0..extents.columns {
                    let word = by_output[(n * extents.rows + k) / 2];
                    let found = f16::from_bits((word >> (16 * (k % 2))) as u16).to_f32();
                    assert_eq!(found, half_of(&by_depth, extents, k, n), "{columns:?}, {k} of {n}");
                }
            }
        }
    }

    #[test]
    fn a_product_wider_than_a_block_is_transposed_in_f32() {
        let weight = counted(&[9, 70]);
        let packing = Packing::Matrix {
            stored: Stored::F32,
            columns: Columns::Plain,
            order: Order::Depth,
            doubled: false,
        };
        let (words, extents) = (pack(&weight, packing), packed_extents(&weight, packing));
        assert_eq!((extents.rows, extents.columns), (72, 16));
        assert_eq!(f32::from_bits(words[69 * 16 + 8]), (8 * 70 + 69) as f32);
    }

    #[test]
    fn geglu_puts_values_and_gates_in_turn_by_twos() {
        let weight = counted(&[12]);
        let words = pack(&weight, Packing::Vector { columns: Columns::Geglu });
        let values: Vec<f32> = words.into_iter().map(f32::from_bits).collect();
        assert_eq!(values, [0., 1., 6., 7., 2., 3., 8., 9., 4., 5., 10., 11., 0., 0., 0., 0.]);
    }

    #[test]
    fn a_table_keeps_its_rows() {
        let weight = counted(&[3, 3]);
        let words = pack(&weight, Packing::Table { stored: Stored::F16 });
        let half = |v: f32| u32::from(f16::from_f32(v).to_bits());
        assert_eq!(words[4..6], [half(3.0) | half(4.0) << 16, half(5.0)]);
    }
}
