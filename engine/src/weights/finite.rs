//! Whether a tensor is free of NaN and infinity, at the speed of memory.

use rayon::prelude::*;

use super::numbers::{NumberFormat, Numbers};

/// Tensors larger than this are looked through by several threads.
const BLOCK: usize = 4 << 20;

/// Whether all numbers are finite.
pub(crate) fn all_finite(numbers: Numbers, bytes: &[u8]) -> bool {
    let format = match numbers {
        Numbers::Plain(format) => format,
        Numbers::Blocks(format) => return format.all_finite(bytes),
    };
    if bytes.len() <= BLOCK {
        return block_is_finite(format, bytes);
    }
    bytes.par_chunks(BLOCK).all(|block| block_is_finite(format, block))
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

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::weights::fp8;

    fn plain_finite(format: NumberFormat, bytes: &[u8]) -> bool {
        all_finite(Numbers::Plain(format), bytes)
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
            let (e4m3, e5m2) = (fp8::from_e4m3(byte), fp8::from_e5m2(byte));
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
