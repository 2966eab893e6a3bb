//! How numbers are stored, and the loops that read them and look whether all are finite.
//!
//! The loops have no branches and are compiled for the processor that runs them: on the CPU every weight is
//! decoded again in every step.

use std::fmt::{self, Display};

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use safetensors::Dtype;

use super::blocks::BlockFormat;
use super::vectors::vectorised;

/// Bytes of a tensor that one thread looks through.
const BLOCK: usize = 4 << 20;

/// How a number is stored that stands for itself. All little-endian, as safetensors has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberFormat {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// Four bits of exponent, three of mantissa, no infinities.
    F8E4m3,
    /// The upper byte of a binary16.
    F8E5m2,
}

impl NumberFormat {
    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::F8E4m3 | Self::F8E5m2 => 1,
        }
    }
}

/// How a tensor's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Numbers {
    /// Each by itself.
    Plain(NumberFormat),
    /// In blocks that share their scales.
    Blocks(BlockFormat),
}

impl Numbers {
    /// Those of a safetensors file; an error with the name of a type that is not read.
    pub(crate) fn of(dtype: Dtype) -> Result<Self, String> {
        match dtype {
            Dtype::F32 => Ok(Self::Plain(NumberFormat::F32)),
            Dtype::F16 => Ok(Self::Plain(NumberFormat::F16)),
            Dtype::BF16 => Ok(Self::Plain(NumberFormat::Bf16)),
            Dtype::F8_E4M3 => Ok(Self::Plain(NumberFormat::F8E4m3)),
            Dtype::F8_E5M2 => Ok(Self::Plain(NumberFormat::F8E5m2)),
            other => Err(other.to_string()),
        }
    }

    /// Bytes of `count` numbers, which in blocks are whole blocks.
    pub(crate) fn bytes(self, count: usize) -> usize {
        match self {
            Self::Plain(format) => count * format.size(),
            Self::Blocks(format) => count / format.numbers() * format.bytes(),
        }
    }

    /// Reads `out.len()` numbers from the `start`-th on.
    pub(crate) fn read(self, bytes: &[u8], start: usize, out: &mut [f32]) {
        let format = match self {
            Self::Plain(format) => format,
            Self::Blocks(format) => return format.read(bytes, start, out),
        };
        let size = format.size();
        let bytes = &bytes[start * size..(start + out.len()) * size];
        match format {
            NumberFormat::F32 => each(bytes, out, f32::from_le_bytes),
            NumberFormat::F16 => each(
                bytes,
                out,
                #[inline(always)]
                |b| from_half(u16::from_le_bytes(b)),
            ),
            NumberFormat::Bf16 => each(
                bytes,
                out,
                #[inline(always)]
                |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16),
            ),
            NumberFormat::F8E4m3 => each(
                bytes,
                out,
                #[inline(always)]
                |[b]| from_e4m3(b),
            ),
            NumberFormat::F8E5m2 => each(
                bytes,
                out,
                #[inline(always)]
                |[b]| from_e5m2(b),
            ),
        }
    }

    /// Whether all are finite, at the speed of memory.
    pub(crate) fn all_finite(self, bytes: &[u8]) -> bool {
        match self {
            Self::Blocks(format) => format.all_finite(bytes),
            Self::Plain(format) if bytes.len() <= BLOCK => block_is_finite(format, bytes),
            Self::Plain(format) => bytes.par_chunks(BLOCK).all(|block| block_is_finite(format, block)),
        }
    }

    /// Reads `out.len()` numbers, each `step` behind the one before.
    pub(crate) fn gather(self, bytes: &[u8], start: usize, step: usize, out: &mut [f32]) {
        for (i, out) in out.chunks_exact_mut(1).enumerate() {
            self.read(bytes, start + i * step, out);
        }
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f32], decode: impl Fn([u8; N]) -> f32) {
    vectorised(
        #[inline(always)]
        || out.iter_mut().zip(bytes.as_chunks::<N>().0).for_each(|(value, bytes)| *value = decode(*bytes)),
    );
}

/// A half as f32, without a branch: its bits are those of a number 2¹¹² times smaller.
#[inline(always)]
fn from_half(half: u16) -> f32 {
    let magnitude = u32::from(half & 0x7fff) << 13;
    let value = f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23);
    let bits = if magnitude >= 0x7c00 << 13 { magnitude | 0xff << 23 } else { value.to_bits() };
    f32::from_bits(bits | u32::from(half & 0x8000) << 16)
}

/// An e4m3 number of the kind without infinities (`e4m3fn`): all bits but the sign set are NaN.
#[inline(always)]
pub(crate) fn from_e4m3(bits: u8) -> f32 {
    let magnitude = u32::from(bits & 0x7f);
    // Moved into place, the exponent is too small by the difference of the biases.
    let value = f32::from_bits(magnitude << 20) * f32::from_bits((127 + 120) << 23);
    signed(bits, if magnitude == 0x7f { f32::NAN.to_bits() } else { value.to_bits() })
}

/// An e5m2 number, which is the upper byte of a half, with its infinities and NaN.
#[inline(always)]
pub(crate) fn from_e5m2(bits: u8) -> f32 {
    let magnitude = u32::from(bits & 0x7f);
    let value = f32::from_bits(magnitude << 21) * f32::from_bits((127 + 112) << 23);
    signed(bits, if magnitude >= 0x7c { magnitude << 21 | 0xff << 23 } else { value.to_bits() })
}

#[inline(always)]
fn signed(bits: u8, magnitude: u32) -> f32 {
    f32::from_bits(magnitude | u32::from(bits & 0x80) << 24)
}

/// A number is not finite where all bits of its exponent are ones. Without its sign, adding one to the
/// exponent then carries into the sign's place, so the `or` of all sums tells: no branch and no
/// comparison, which every compiler turns into vector instructions.
fn block_is_finite(format: NumberFormat, bytes: &[u8]) -> bool {
    let halves = |one: u16| {
        let carry = |seen: u16, b: &[u8; 2]| seen | ((u16::from_le_bytes(*b) & 0x7fff) + one);
        bytes.as_chunks::<2>().0.iter().fold(0, carry) & 0x8000 == 0
    };
    let eighths = |one: u8| bytes.iter().fold(0, |seen, b| seen | ((b & 0x7f) + one)) & 0x80 == 0;
    match format {
        NumberFormat::F16 => halves(0x0400),
        NumberFormat::Bf16 => halves(0x0080),
        NumberFormat::F8E4m3 => eighths(0x01),
        NumberFormat::F8E5m2 => eighths(0x04),
        NumberFormat::F32 => {
            let carry =
                |seen: u32, b: &[u8; 4]| seen | ((u32::from_le_bytes(*b) & 0x7fff_ffff) + 0x0080_0000);
            bytes.as_chunks::<4>().0.iter().fold(0, carry) & 0x8000_0000 == 0
        }
    }
}

impl Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(NumberFormat::F8E4m3) => f.write_str("F8_E4M3"),
            Self::Plain(NumberFormat::F8E5m2) => f.write_str("F8_E5M2"),
            Self::Plain(format) => f.write_str(&format!("{format:?}").to_uppercase()),
            Self::Blocks(format) => f.write_str(&format!("{format:?}").replace('K', "_K")),
        }
    }
}

/// Halves as they lie in a file.
pub(crate) fn copy_halves(bytes: &[u8], start: usize, out: &mut [f16]) {
    let bytes = &bytes[2 * start..2 * (start + out.len())];
    out.iter_mut().zip(bytes.as_chunks::<2>().0).for_each(|(half, bytes)| *half = f16::from_le_bytes(*bytes));
}

/// Halves of numbers that `read` gives, some at a time: `read(first, numbers)`.
pub(crate) fn rounded(out: &mut [f16], read: impl Fn(usize, &mut [f32])) {
    const SOME: usize = 1024;
    let mut numbers = [0.0; SOME];
    for (i, halves) in out.chunks_mut(SOME).enumerate() {
        let numbers = &mut numbers[..halves.len()];
        read(i * SOME, numbers);
        halves.convert_from_f32_slice(numbers);
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    #[test]
    fn every_half_is_the_same_number_as_f32() {
        for bits in 0..=u16::MAX {
            let (found, right) = (from_half(bits), f16::from_bits(bits).to_f32());
            assert!(
                found == right && found.is_sign_negative() == right.is_sign_negative()
                    || right.is_nan() && found.is_nan(),
                "{bits:#x}"
            );
        }
    }

    fn plain_finite(format: NumberFormat, bytes: &[u8]) -> bool {
        Numbers::Plain(format).all_finite(bytes)
    }

    #[test]
    fn every_half_is_judged_as_half_judges_it() {
        for bits in 0..=u16::MAX {
            let bytes = bits.to_le_bytes();
            assert_eq!(
                plain_finite(NumberFormat::F16, &bytes),
                f16::from_bits(bits).is_finite(),
                "f16 {bits:#06x}"
            );
            assert_eq!(
                plain_finite(NumberFormat::Bf16, &bytes),
                bf16::from_bits(bits).is_finite(),
                "bf16 {bits:#06x}"
            );
        }
    }

    #[test]
    fn every_eighth_is_judged_by_what_it_is_read_as() {
        for byte in 0..=u8::MAX {
            let (e4m3, e5m2) = (from_e4m3(byte), from_e5m2(byte));
            assert_eq!(plain_finite(NumberFormat::F8E4m3, &[byte]), e4m3.is_finite(), "e4m3 {byte:#04x}");
            assert_eq!(plain_finite(NumberFormat::F8E5m2, &[byte]), e5m2.is_finite(), "e5m2 {byte:#04x}");
        }
    }

    #[test]
    fn one_bad_float_among_millions_is_found() {
        let mut bytes = vec![0x7fu8; 3 * BLOCK];
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            // 0x7f7f7f7f is 3.4e38, nearly the largest number there is.
            bytes.fill(0x7f);
            assert!(plain_finite(NumberFormat::F32, &bytes), "large is not infinite");
            bytes[2 * BLOCK..2 * BLOCK + 4].copy_from_slice(&bad.to_le_bytes());
            assert!(!plain_finite(NumberFormat::F32, &bytes), "{bad} was missed");
        }
    }
}
