//! Weights in small integers with scales, as `--weights q8` keeps them on a device.
//!
//! A block is 32 channels of one output under one tap: integers times a scale, and a shift where they have four bits.
//! Whoever reads such a weight gets the rounded numbers, so that every backend computes with the same ones: what is kept
//! packed is an affair of the backend alone. Of GGUF's formats, Q8_0, Q5_0, Q4_0 and Q4_1 are taken as they are in the
//! file, and Q4_K with its scales, products of two numbers there, rounded to halves; others are rounded to eight bits.

use half::f16;

use super::blocks::{BlockFormat, Integers, Quantisation};
use super::numbers::Numbers;
use super::vectors::vectorised;
use super::weight::{View, Weight};

/// Channels of a block.
pub(crate) const CHANNELS: usize = 32;

/// Taps of a 3×3 convolution, the most that a quantised weight has.
const MOST_TAPS: usize = 9;

/// The greatest integer of eight bits.
const MOST: f32 = 127.0;

/// 32 channels of one output under one tap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct QuantisedBlock {
    pub(crate) scale: f16,
    /// What is added to the scaled integers; zero where these have eight bits.
    pub(crate) shift: f16,
    pub(crate) integers: [i8; CHANNELS],
}

impl QuantisedBlock {
    /// Nothing but zeros.
    pub(crate) const ZERO: Self = Self { scale: f16::ZERO, shift: f16::ZERO, integers: [0; CHANNELS] };

    /// Rounds numbers of which each is `step` behind the one before to eight bits. The scale is the least that reaches all
    /// of them.
    #[inline(always)]
    fn of(numbers: &[f32], step: usize) -> Self {
        let number = |channel: usize| numbers[channel * step];
        let most = (0..CHANNELS).fold(0.0f32, |most, channel| most.max(number(channel).abs()));
        let mut scale = f16::from_f32(most / MOST);
        if scale.to_f32() * MOST < most {
            scale = f16::from_bits(scale.to_bits() + 1);
        }
        if !scale.is_finite() {
            scale = f16::MAX;
        }
        let by = scale.to_f32();
        let rounded = |number: f32| if by > 0.0 { (number / by).round().clamp(-MOST, MOST) as i8 } else { 0 };
        Self { scale, integers: std::array::from_fn(|channel| rounded(number(channel))), ..Self::ZERO }
    }

    /// Writes the numbers that it stands for, each `step` behind the one before.
    #[inline(always)]
    fn write(&self, numbers: &mut [f32], step: usize) {
        let (scale, shift) = (self.scale.to_f32(), self.shift.to_f32());
        for (channel, integer) in self.integers.iter().enumerate() {
            numbers[channel * step] = f32::from(*integer) * scale + shift;
        }
    }
}

impl From<Integers> for QuantisedBlock {
    fn from(Integers { scale, shift, integers }: Integers) -> Self {
        let half = |number: f32| f16::from_f32(number.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()));
        Self { scale: half(scale), shift: half(shift), integers }
    }
}

/// The blocks of a file that are a weight's as they are.
struct StoredBlocks<'a> {
    format: BlockFormat,
    quantisation: Quantisation,
    bytes: &'a [u8],
    /// The first number of theirs that the weight has.
    from: usize,
}

impl StoredBlocks<'_> {
    /// The block that begins with the weight's `number`-th number.
    #[inline(always)]
    fn block(&self, number: usize) -> QuantisedBlock {
        self.format.integers(self.bytes, (self.from + number) / CHANNELS).into()
    }
}

impl Weight {
    /// The same matrix or kernel quantised, where its channels are whole blocks; `None` where they are not.
    #[must_use]
    pub fn quantised(&self) -> Option<Self> {
        let channels = self.shape().get(1).copied().unwrap_or(0);
        let taps = self.fan_in() / channels.max(1);
        let is_whole = channels > 0 && channels.is_multiple_of(CHANNELS) && taps <= MOST_TAPS;
        let quantisation = || self.stored_blocks().map_or(Quantisation::Q8, |stored| stored.quantisation);
        is_whole.then(|| self.with_quantisation(quantisation()))
    }

    /// A matrix of the same numbers rounded to ggml's Q4_1, as files have it: for tests of what is computed with it.
    ///
    /// # Panics
    /// If rows are not whole blocks.
    #[must_use]
    pub fn as_q4_1(&self) -> Self {
        assert!(self.fan_in().is_multiple_of(CHANNELS), "rows of `{}` are whole blocks", self.name());
        let numbers = self.to_f32();
        let bytes: Vec<u8> = numbers.as_chunks::<CHANNELS>().0.iter().flat_map(q4_1).collect();
        let numbers = Numbers::Blocks(BlockFormat::Q4_1);
        Self::of(self.name(), self.shape().to_vec(), numbers, View::Whole, bytes.into())
    }

    /// Numbers that are rounded together: those of 32 channels.
    fn group(&self) -> usize {
        CHANNELS * self.taps()
    }

    fn taps(&self) -> usize {
        self.fan_in() / self.shape()[1]
    }

    /// As [`Weight::read_rows`], of a quantised weight. Rows are whole groups apart.
    pub(super) fn read_rounded(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let group = self.group();
        let first = start / group * group;
        let (before, whole) = (start - first, (start + count).next_multiple_of(group) - first);
        if whole == count {
            return self.read_groups(start, step, count, out);
        }
        let mut rows = vec![0.0; out.len() / count * whole];
        self.read_groups(first, step, whole, &mut rows);
        for (out, row) in out.chunks_exact_mut(count).zip(rows.chunks_exact(whole)) {
            out.copy_from_slice(&row[before..before + count]);
        }
    }

    /// The same of whole groups.
    fn read_groups(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let Some(stored) = self.stored_blocks() else {
            self.read_rows_exactly(start, step, count, out);
            return round(out, self.taps());
        };
        vectorised(
            #[inline(always)]
            || {
                for (row, out) in out.chunks_exact_mut(count).enumerate() {
                    for (place, out) in out.chunks_exact_mut(CHANNELS).enumerate() {
                        stored.block(start + row * step + place * CHANNELS).write(out, 1);
                    }
                }
            },
        );
    }

    /// The blocks of some outputs, from the `first` on, of the `place`-th 32 channels: for each output one of every tap.
    ///
    /// # Panics
    /// If the weight is not quantised, or does not have so many outputs.
    pub(crate) fn read_blocks(&self, first: usize, place: usize, out: &mut [QuantisedBlock]) {
        if !self.parts().is_empty() {
            return self.read_blocks_of_parts(first, place, out);
        }
        assert!(self.quantisation().is_some(), "`{}` is quantised", self.name());
        let (group, taps) = (self.group(), self.taps());
        let start = first * self.fan_in() + place * group;
        if let Some(stored) = self.stored_blocks() {
            for (output, out) in out.iter_mut().enumerate() {
                *out = stored.block(start + output * self.fan_in());
            }
            return;
        }
        let mut rows = vec![0.0; out.len() / taps * group];
        self.read_rows_exactly(start, self.fan_in(), group, &mut rows);
        vectorised(
            #[inline(always)]
            || {
                for (numbers, out) in rows.chunks_exact(group).zip(out.chunks_exact_mut(taps)) {
                    out.iter_mut()
                        .enumerate()
                        .for_each(|(tap, out)| *out = QuantisedBlock::of(&numbers[tap..], taps));
                }
            },
        );
    }

    /// The blocks of the file, where this weight's numbers are kept in them.
    fn stored_blocks(&self) -> Option<StoredBlocks<'_>> {
        let (Numbers::Blocks(format), view, bytes) = self.unchanged()? else { return None };
        let from = match view {
            View::Whole => 0,
            View::Third(part) | View::Half(part) => usize::from(part) * self.len(),
            View::Transposed => return None,
        };
        let quantisation = format.quantisation().filter(|_| self.taps() == 1)?;
        from.is_multiple_of(CHANNELS).then_some(StoredBlocks { format, quantisation, bytes, from })
    }
}

/// A block of ggml's, whose integers go from the least number to the greatest.
fn q4_1(numbers: &[f32; CHANNELS]) -> [u8; 20] {
    let [least, most] = [f32::min, f32::max].map(|pick| numbers.iter().copied().fold(numbers[0], pick));
    let (scale, least) = (f16::from_f32((most - least) / 15.0), f16::from_f32(least));
    let integer = |place: usize| {
        let steps = (numbers[place] - least.to_f32()) / scale.to_f32().max(f32::MIN_POSITIVE);
        steps.round().clamp(0.0, 15.0) as u8
    };
    let mut block = [0; 20];
    block[..2].copy_from_slice(&scale.to_le_bytes());
    block[2..4].copy_from_slice(&least.to_le_bytes());
    for (place, byte) in block[4..].iter_mut().enumerate() {
        *byte = integer(place) | integer(place + CHANNELS / 2) << 4;
    }
    block
}

/// Rounds whole groups.
fn round(numbers: &mut [f32], taps: usize) {
    vectorised(
        #[inline(always)]
        || {
            for group in numbers.chunks_exact_mut(CHANNELS * taps) {
                for tap in 0..taps {
                    QuantisedBlock::of(&group[tap..], taps).write(&mut group[tap..], taps);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix or kernel of numbers without any order.
    fn made(shape: &[usize]) -> Weight {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|v| ((v * 7919 % 1009) as f32 - 504.0) * 1e-3).collect();
        Weight::from_f32("w", shape.to_vec(), &values)
    }

    /// What a block stands for.
    fn numbers(block: &QuantisedBlock) -> [f32; CHANNELS] {
        let mut numbers = [0.0; CHANNELS];
        block.write(&mut numbers, 1);
        numbers
    }

    #[test]
    fn numbers_are_at_most_half_a_step_from_what_they_were() {
        let exact = made(&[3, 64, 3, 3]);
        let rounded = exact.quantised().unwrap();
        let (exact, rounded) = (exact.to_f32(), rounded.to_f32());
        // 0.504 in 127 steps, in a half that is rounded up.
        let step = 0.504 / 127.0 * 1.001;
        let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= step / 2.0 && worst > step / 4.0, "{worst} of {step}");
    }

    #[test]
    fn any_piece_reads_the_numbers_of_the_whole() {
        for shape in [&[5, 96][..], &[3, 64, 3, 3]] {
            let weight = made(shape).quantised().unwrap();
            let (whole, fan_in) = (weight.to_f32(), weight.fan_in());
            for (start, count) in [(0, fan_in), (1, 5), (31, 2), (32, 32), (40, fan_in - 40), (fan_in - 1, 1)]
            {
                let mut rows = vec![0.0; 2 * count];
                weight.read_rows(fan_in + start, fan_in, count, &mut rows);
                for row in 0..2 {
                    let from = (1 + row) * fan_in + start;
                    assert_eq!(
                        rows[row * count..][..count],
                        whole[from..][..count],
                        "{shape:?} from {start}"
                    );
                }
                let mut one = vec![0.0; count];
                weight.read(start, &mut one);
                assert_eq!(one, whole[start..][..count]);
            }
        }
    }

    #[test]
    fn blocks_hold_what_is_read() {
        for shape in [&[5, 96][..], &[3, 64, 3, 3]] {
            let weight = made(shape).quantised().unwrap();
            let (whole, taps) = (weight.to_f32(), weight.taps());
            let mut blocks = vec![QuantisedBlock::ZERO; 2 * taps];
            weight.read_blocks(1, 1, &mut blocks);
            for (at, block) in blocks.iter().enumerate() {
                let (output, tap) = (1 + at / taps, at % taps);
                for (channel, number) in numbers(block).into_iter().enumerate() {
                    let place = output * weight.fan_in() + (CHANNELS + channel) * taps + tap;
                    assert_eq!(number, whole[place]);
                }
            }
        }
    }

    /// Two matrices of `[3, 256]`, one above the other, of bytes without any order but scales that are not great.
    fn stored(format: BlockFormat) -> Weight {
        let blocks = 6 * 256 / format.numbers();
        let mut bytes: Vec<u8> = (0..blocks * format.bytes()).map(|i| (i * 7919 % 251) as u8).collect();
        for (number, block) in bytes.chunks_exact_mut(format.bytes()).enumerate() {
            for (place, at) in format.scales().iter().enumerate() {
                let scale = f16::from_f32(0.013 * (1 + number % 17) as f32 - 0.1 * place as f32);
                block[*at..at + 2].copy_from_slice(&scale.to_le_bytes());
            }
        }
        Weight::of("w", vec![3, 256], Numbers::Blocks(format), View::Half(1), bytes.into())
    }

    #[test]
    fn what_is_in_small_integers_in_its_file_stays_as_it_is() {
        for format in BlockFormat::ALL {
            let stored = stored(format);
            let weight = stored.quantised().unwrap();
            assert_eq!(weight.quantisation(), Some(format.quantisation().unwrap_or(Quantisation::Q8)));
            let (exact, found) = (stored.to_f32(), weight.to_f32());
            match format {
                BlockFormat::Q5_1 | BlockFormat::Q5K | BlockFormat::Q6K => assert_ne!(found, exact),
                // Its scales and shifts are rounded to halves, 11 bits.
                BlockFormat::Q4K => {
                    let most = exact.iter().fold(0.0f32, |most, number| most.max(number.abs()));
                    let worst = exact.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(worst > 0.0 && worst < most * 2.0f32.powi(-10), "{worst} of {most}");
                }
                _ => assert_eq!(found, exact, "{format:?}"),
            }
            let mut blocks = [QuantisedBlock::ZERO; 2];
            weight.read_blocks(1, 5, &mut blocks);
            let of_blocks: Vec<f32> = blocks.iter().flat_map(numbers).collect();
            let of_reads = [1, 2].map(|output| &found[output * 256 + 5 * CHANNELS..][..CHANNELS]);
            assert_eq!(of_blocks, of_reads.concat(), "{format:?}");
        }
    }

    #[test]
    fn numbers_in_four_bits_are_at_most_half_a_step_from_what_they_were() {
        let exact = made(&[3, 64]);
        let rounded = exact.as_q4_1().quantised().unwrap();
        assert_eq!(rounded.quantisation(), Some(Quantisation::Q4));
        let (exact, rounded) = (exact.to_f32(), rounded.to_f32());
        // Numbers reach 1.008 in 15 steps, of which half and what halves lose at their ends.
        let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1.008 / 15.0 * 0.505 && worst > 0.02, "{worst}");
    }

    #[test]
    fn what_changes_four_bits_makes_eight_of_them() {
        #[derive(Debug)]
        struct Doubled;
        impl crate::weights::Patch for Doubled {
            fn apply(&self, _: usize, out: &mut [f32]) {
                out.iter_mut().for_each(|number| *number *= 2.0);
            }
        }
        let weight = stored(BlockFormat::Q4_1).patched(std::sync::Arc::new(Doubled));
        assert_eq!(weight.quantised().unwrap().quantisation(), Some(Quantisation::Q8));
    }

    #[test]
    fn channels_that_are_no_whole_blocks_stay_and_zeros_are_zeros() {
        assert!(made(&[8, 40]).quantised().is_none());
        assert!(made(&[64]).quantised().is_none());
        let zeros = Weight::from_f32("w", vec![1, 32], &[0.0; 32]).quantised().unwrap();
        assert_eq!(zeros.to_f32(), [0.0; 32]);
    }
}
