//! Numbers in blocks, as GGUF files quantise them: a few scales in f16, then small integers.
//!
//! Integers are widened, scaled and shifted in f32 in the order in which ggml does it, so that decoded
//! numbers are the same to the bit. Decoders are plain loops over arrays of fixed sizes, which the compiler
//! turns into the vector instructions of this processor.

use half::f16;

use super::vectors::vectorised;

/// Numbers of the largest block.
pub(crate) const LARGEST: usize = 256;

/// Numbers that are kept together.
const GROUP: usize = 32;

/// How many bits a kept integer has. The names are those of ggml's formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantisation {
    /// Eight, signed; a scale.
    Q8,
    /// Four, from 0 on; a scale and a shift.
    Q4,
}

/// 32 numbers as integers, each of them to be multiplied by a scale and shifted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integers {
    pub(crate) scale: f32,
    pub(crate) shift: f32,
    pub(crate) integers: [i8; GROUP],
}

/// How a block's numbers are stored; the names are ggml's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BlockFormat {
    Q8_0,
    Q5_0,
    Q5_1,
    Q4_0,
    Q4_1,
    Q4K,
    Q5K,
    Q6K,
}

impl BlockFormat {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] =
        [Self::Q8_0, Self::Q5_0, Self::Q5_1, Self::Q4_0, Self::Q4_1, Self::Q4K, Self::Q5K, Self::Q6K];

    /// Numbers of one block.
    pub(crate) const fn numbers(self) -> usize {
        match self {
            Self::Q8_0 | Self::Q5_0 | Self::Q5_1 | Self::Q4_0 | Self::Q4_1 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => LARGEST,
        }
    }

    /// Bytes of one block.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Q8_0 => 34,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Where the scales in f16 stand in a block.
    pub(crate) const fn scales(self) -> &'static [usize] {
        match self {
            Self::Q8_0 | Self::Q5_0 | Self::Q4_0 => &[0],
            Self::Q5_1 | Self::Q4_1 | Self::Q4K | Self::Q5K => &[0, 2],
            Self::Q6K => &[208],
        }
    }

    /// Decodes whole blocks.
    pub(crate) fn decode(self, blocks: &[u8], out: &mut [f32]) {
        match self {
            Self::Q8_0 => each(blocks, out, q8_0),
            Self::Q5_0 => each(blocks, out, q5_0),
            Self::Q5_1 => each(blocks, out, q5_1),
            Self::Q4_0 => each(blocks, out, q4_0),
            Self::Q4_1 => each(blocks, out, q4_1),
            Self::Q4K => each(blocks, out, q4_k),
            Self::Q5K => each(blocks, out, q5_k),
            Self::Q6K => each(blocks, out, q6_k),
        }
    }

    /// As what [`Self::integers`] of this format are kept.
    pub(crate) const fn quantisation(self) -> Option<Quantisation> {
        match self {
            Self::Q8_0 | Self::Q5_0 => Some(Quantisation::Q8),
            Self::Q4_0 | Self::Q4_1 | Self::Q4K => Some(Quantisation::Q4),
            Self::Q5_1 | Self::Q5K | Self::Q6K => None,
        }
    }

    /// The integers of the `group`-th 32 numbers.
    ///
    /// # Panics
    /// If they are kept as nothing ([`Self::quantisation`]).
    #[inline(always)]
    pub(crate) fn integers(self, blocks: &[u8], group: usize) -> Integers {
        let place = group * GROUP / self.numbers();
        let block = &blocks[place * self.bytes()..][..self.bytes()];
        let (scale, mut integers) = (half(block, 0), [0; GROUP]);
        let shift = match self {
            Self::Q8_0 => {
                integers = std::array::from_fn(|i| block[2 + i].cast_signed());
                0.0
            }
            Self::Q5_0 => {
                let fifth = fifth_bits(block, 2);
                nibbles(&block[6..], |i, q| (q | fifth[i]).cast_signed() - 16, &mut integers);
                0.0
            }
            Self::Q4_0 => {
                nibbles(&block[2..], |_, q| q.cast_signed(), &mut integers);
                -8.0 * scale
            }
            Self::Q4_1 => {
                nibbles(&block[4..], |_, q| q.cast_signed(), &mut integers);
                half(block, 2)
            }
            Self::Q4K => return eighth_of_q4_k(block, group % 8),
            Self::Q5_1 | Self::Q5K | Self::Q6K => unreachable!("integers of {self:?} are not kept"),
        };
        Integers { scale, shift, integers }
    }

    /// Decodes `out.len()` numbers from the `start`-th on, which may lie in the middle of a block.
    pub(crate) fn read(self, blocks: &[u8], start: usize, out: &mut [f32]) {
        let (numbers, bytes) = (self.numbers(), self.bytes());
        let mut block = start / numbers;
        let skipped = start % numbers;
        let mut done = 0;
        if skipped > 0 {
            done = (numbers - skipped).min(out.len());
            self.piece(&blocks[block * bytes..][..bytes], skipped, &mut out[..done]);
            block += 1;
        }
        let whole = (out.len() - done) / numbers;
        let (middle, end) = out[done..].split_at_mut(whole * numbers);
        self.decode(&blocks[block * bytes..][..whole * bytes], middle);
        if !end.is_empty() {
            self.piece(&blocks[(block + whole) * bytes..][..bytes], 0, end);
        }
    }

    /// Some numbers of one block.
    fn piece(self, block: &[u8], start: usize, out: &mut [f32]) {
        let mut whole = [0.0; LARGEST];
        self.decode(block, &mut whole[..self.numbers()]);
        out.copy_from_slice(&whole[start..start + out.len()]);
    }

    /// Whether all numbers are finite. Integers are small, so they are where the scales are.
    pub(crate) fn all_finite(self, blocks: &[u8]) -> bool {
        let is_finite = |block: &[u8]| self.scales().iter().all(|at| half(block, *at).is_finite());
        blocks.chunks_exact(self.bytes()).all(is_finite)
    }
}

/// Decodes blocks of `B` bytes and `N` numbers.
fn each<const B: usize, const N: usize>(
    blocks: &[u8],
    out: &mut [f32],
    decode: impl Fn(&[u8; B], &mut [f32; N]),
) {
    vectorised(
        #[inline(always)]
        || {
            let blocks = blocks.as_chunks::<B>().0.iter();
            blocks.zip(out.as_chunks_mut::<N>().0).for_each(|(block, out)| decode(block, out));
        },
    );
}

#[inline(always)]
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

#[inline(always)]
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(byte.cast_signed()) * scale;
    }
}

/// The low halves of the bytes are the first sixteen numbers, the high ones the second.
#[inline(always)]
fn nibbles<T>(bytes: &[u8], value: impl Fn(usize, u8) -> T, out: &mut [T]) {
    let (low, high) = out.split_at_mut(bytes.len());
    for (i, byte) in bytes.iter().enumerate() {
        low[i] = value(i, byte & 15);
        high[i] = value(i + bytes.len(), byte >> 4);
    }
}

#[inline(always)]
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], |_, q| (f32::from(q) - 8.0) * scale, out);
}

#[inline(always)]
fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (scale, least) = (half(block, 0), half(block, 2));
    nibbles(&block[4..], |_, q| f32::from(q) * scale + least, out);
}

/// The fifth bits of 32 numbers, each in the place that it has in its number.
#[inline(always)]
fn fifth_bits(block: &[u8], at: usize) -> [u8; 32] {
    let bits = u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    std::array::from_fn(|i| ((bits >> i) as u8 & 1) << 4)
}

#[inline(always)]
fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let (scale, fifth) = (half(block, 0), fifth_bits(block, 2));
    nibbles(&block[6..], |i, q| (f32::from(q | fifth[i]) - 16.0) * scale, out);
}

#[inline(always)]
fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (scale, least, fifth) = (half(block, 0), half(block, 2), fifth_bits(block, 4));
    nibbles(&block[8..], |i, q| f32::from(q | fifth[i]) * scale + least, out);
}

/// Scale and least value of the eighths of a block, six bits each in twelve bytes.
#[inline(always)]
fn eighths(block: &[u8], packed: &[u8]) -> [(f32, f32); 8] {
    let (scale, least) = (half(block, 0), half(block, 2));
    std::array::from_fn(|i| {
        let (by, from) = match i {
            0..4 => (packed[i] & 63, packed[i + 4] & 63),
            _ => (packed[i + 4] & 15 | packed[i - 4] >> 6 << 4, packed[i + 4] >> 4 | packed[i] >> 6 << 4),
        };
        (scale * f32::from(by), least * f32::from(from))
    })
}

#[inline(always)]
fn q4_k(block: &[u8; 144], out: &mut [f32; LARGEST]) {
    let eighths = eighths(block, &block[4..16]);
    let bytes = block[16..].as_chunks::<32>().0;
    for (quarter, (out, bytes)) in out.chunks_exact_mut(64).zip(bytes).enumerate() {
        let value = |i: usize, q: u8| {
            let (scale, least) = eighths[2 * quarter + i / 32];
            scale * f32::from(q) - least
        };
        nibbles(bytes, value, out);
    }
}

/// Two eighths, one after the other, share 32 bytes: the first has their low halves.
fn eighth_of_q4_k(block: &[u8], eighth: usize) -> Integers {
    let (scale, least) = eighths(block, &block[4..16])[eighth];
    let bytes = &block[16 + eighth / 2 * 32..];
    let integers = std::array::from_fn(|i| (bytes[i] >> (eighth % 2 * 4) & 15).cast_signed());
    Integers { scale, shift: -least, integers }
}

#[inline(always)]
fn q5_k(block: &[u8; 176], out: &mut [f32; LARGEST]) {
    let eighths = eighths(block, &block[4..16]);
    let (fifth, bytes) = (&block[16..48], block[48..].as_chunks::<32>().0);
    for (quarter, (out, bytes)) in out.chunks_exact_mut(64).zip(bytes).enumerate() {
        let value = |i: usize, q: u8| {
            let eighth = 2 * quarter + i / 32;
            let (scale, least) = eighths[eighth];
            scale * f32::from(q | (fifth[i % 32] >> eighth & 1) << 4) - least
        };
        nibbles(bytes, value, out);
    }
}

/// Each half of the block has 64 bytes of low bits, 32 of high bits, and eight scales.
#[inline(always)]
fn q6_k(block: &[u8; 210], out: &mut [f32; LARGEST]) {
    let scale = half(block, 208);
    for (part, out) in out.chunks_exact_mut(128).enumerate() {
        let (low, high) = (&block[64 * part..][..64], &block[128 + 32 * part..][..32]);
        let scales = &block[192 + 8 * part..][..8];
        for (quarter, out) in out.chunks_exact_mut(32).enumerate() {
            let shift = if quarter < 2 { 0 } else { 4 };
            for (i, out) in out.iter_mut().enumerate() {
                let low = low[i + 32 * (quarter % 2)] >> shift & 15;
                let q = low | (high[i] >> (2 * quarter) & 3) << 4;
                let by = f32::from(scales[2 * quarter + i / 16].cast_signed());
                *out = scale * by * (f32::from(q) - 32.0);
            }
        }
    }
}
