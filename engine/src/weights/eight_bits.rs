//! Weights in eight bits with a scale for 32 channels, as `--weights q8` keeps them on a device.
//!
//! A block is 32 channels of one output under one tap: small integers times a scale in f16, as ggml's Q8_0 has
//! them. Whoever reads such a weight gets the rounded numbers, so that every backend computes with the same ones:
//! what is kept packed is an affair of the backend alone. A tensor that is Q8_0 in its file is taken as it is.

use half::f16;

use super::blocks::BlockFormat;
use super::numbers::Numbers;
use super::vectors::vectorised;
use super::weight::{View, Weight};

/// Channels of a block.
pub(crate) const CHANNELS: usize = 32;

/// Taps of a 3×3 convolution, the most that a weight in eight bits has.
const MOST_TAPS: usize = 9;

/// The greatest integer.
const MOST: f32 = 127.0;

/// 32 channels of one output under one tap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EightBits {
    pub(crate) scale: f16,
    pub(crate) numbers: [i8; CHANNELS],
}

impl EightBits {
    /// Nothing but zeros.
    pub(crate) const ZERO: Self = Self { scale: f16::ZERO, numbers: [0; CHANNELS] };

    /// Rounds numbers of which each is `step` behind the one before. The scale is the least that reaches all of them.
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
        Self { scale, numbers: std::array::from_fn(|channel| rounded(number(channel))) }
    }

    /// A block of ggml's.
    fn stored(bytes: &[u8]) -> Self {
        let scale = f16::from_le_bytes([bytes[0], bytes[1]]);
        Self { scale, numbers: std::array::from_fn(|channel| bytes[2 + channel].cast_signed()) }
    }

    /// Writes the numbers that it stands for, each `step` behind the one before.
    #[inline(always)]
    fn write(&self, numbers: &mut [f32], step: usize) {
        let scale = self.scale.to_f32();
        for (channel, number) in self.numbers.iter().enumerate() {
            numbers[channel * step] = f32::from(*number) * scale;
        }
    }
}

impl Weight {
    /// The same matrix or kernel in eight bits, where its channels are whole blocks; `None` where they are not.
    pub(crate) fn in_eight_bits(&self) -> Option<Self> {
        let channels = self.shape().get(1).copied().unwrap_or(0);
        let taps = self.fan_in() / channels.max(1);
        let is_whole = channels > 0 && channels.is_multiple_of(CHANNELS) && taps <= MOST_TAPS;
        is_whole.then(|| self.rounded_to_eight_bits())
    }

    /// Numbers that are rounded together: those of 32 channels.
    fn group(&self) -> usize {
        CHANNELS * self.taps()
    }

    fn taps(&self) -> usize {
        self.fan_in() / self.shape()[1]
    }

    /// As [`Weight::read_rows`], of a weight in eight bits: `exact` reads what is stored, with its changes. Rows are whole
    /// groups apart.
    pub(super) fn read_rounded(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        if self.stored_blocks().is_some() {
            return self.read_rows_exactly(start, step, count, out);
        }
        let (group, taps) = (self.group(), self.taps());
        let first = start / group * group;
        let (before, whole) = (start - first, (start + count).next_multiple_of(group) - first);
        if whole == count {
            self.read_rows_exactly(start, step, count, out);
            return round(out, taps);
        }
        let mut rows = vec![0.0; out.len() / count * whole];
        self.read_rows_exactly(first, step, whole, &mut rows);
        round(&mut rows, taps);
        for (out, row) in out.chunks_exact_mut(count).zip(rows.chunks_exact(whole)) {
            out.copy_from_slice(&row[before..before + count]);
        }
    }

    /// The blocks of some outputs, from the `first` on, of the `place`-th 32 channels: for each output one of every tap.
    ///
    /// # Panics
    /// If the weight is not in eight bits, or does not have so many outputs.
    pub(crate) fn read_blocks(&self, first: usize, place: usize, out: &mut [EightBits]) {
        if !self.parts().is_empty() {
            return self.read_blocks_of_parts(first, place, out);
        }
        assert!(self.has_eight_bits(), "`{}` in eight bits", self.name());
        let (group, taps) = (self.group(), self.taps());
        let start = first * self.fan_in() + place * group;
        if let Some((from, blocks)) = self.stored_blocks() {
            for (output, out) in out.iter_mut().enumerate() {
                let number = from + start + output * self.fan_in();
                *out = EightBits::stored(&blocks[number / CHANNELS * BlockFormat::Q8_0.bytes()..]);
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
                        .for_each(|(tap, out)| *out = EightBits::of(&numbers[tap..], taps));
                }
            },
        );
    }

    /// The blocks of the file that are this weight's as they are, and the first number of theirs that it has.
    fn stored_blocks(&self) -> Option<(usize, &[u8])> {
        let (numbers, view, bytes) = self.unchanged()?;
        let from = match view {
            View::Whole => 0,
            View::Third(part) | View::Half(part) => usize::from(part) * self.len(),
            View::Transposed => return None,
        };
        let is_q8_0 = numbers == Numbers::Blocks(BlockFormat::Q8_0) && self.taps() == 1;
        (is_q8_0 && from.is_multiple_of(CHANNELS)).then_some((from, bytes))
    }
}

/// Rounds whole groups.
fn round(numbers: &mut [f32], taps: usize) {
    vectorised(
        #[inline(always)]
        || {
            for group in numbers.chunks_exact_mut(CHANNELS * taps) {
                for tap in 0..taps {
                    EightBits::of(&group[tap..], taps).write(&mut group[tap..], taps);
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

    #[test]
    fn numbers_are_at_most_half_a_step_from_what_they_were() {
        let exact = made(&[3, 64, 3, 3]);
        let rounded = exact.in_eight_bits().unwrap();
        let (exact, rounded) = (exact.to_f32(), rounded.to_f32());
        // 0.504 in 127 steps, in a half that is rounded up.
        let step = 0.504 / 127.0 * 1.001;
        let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= step / 2.0 && worst > step / 4.0, "{worst} of {step}");
    }

    #[test]
    fn any_piece_reads_the_numbers_of_the_whole() {
        for shape in [&[5, 96][..], &[3, 64, 3, 3]] {
            let weight = made(shape).in_eight_bits().unwrap();
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
            let weight = made(shape).in_eight_bits().unwrap();
            let (whole, taps) = (weight.to_f32(), weight.taps());
            let mut blocks = vec![EightBits::ZERO; 2 * taps];
            weight.read_blocks(1, 1, &mut blocks);
            for (at, block) in blocks.iter().enumerate() {
                let (output, tap) = (1 + at / taps, at % taps);
                for (channel, number) in block.numbers.iter().enumerate() {
                    let place = output * weight.fan_in() + (CHANNELS + channel) * taps + tap;
                    assert_eq!(f32::from(*number) * block.scale.to_f32(), whole[place]);
                }
            }
        }
    }

    #[test]
    fn what_is_q8_0_in_its_file_stays_as_it_is() {
        // Scales of any kind, and integers that are not as large as they could be.
        let block = |b: usize| {
            let scale = f16::from_f32(0.001 * (1 + b) as f32).to_le_bytes();
            scale.into_iter().chain((0..32).map(move |i| (3 * i + b) as u8))
        };
        let bytes: Vec<u8> = (0..12).flat_map(block).collect();
        let view = View::Third(1);
        let numbers = Numbers::Blocks(BlockFormat::Q8_0);
        let stored = Weight::of("w", vec![2, 64], numbers, view, bytes.clone().into());
        let weight = stored.in_eight_bits().unwrap();
        assert_eq!(weight.to_f32(), stored.to_f32());
        let mut blocks = [EightBits::ZERO];
        weight.read_blocks(1, 1, &mut blocks);
        assert_eq!(blocks[0], EightBits::stored(&bytes[7 * 34..]));
    }

    #[test]
    fn channels_that_are_no_whole_blocks_stay_and_zeros_are_zeros() {
        assert!(made(&[8, 40]).in_eight_bits().is_none());
        assert!(made(&[64]).in_eight_bits().is_none());
        let zeros = Weight::from_f32("w", vec![1, 32], &[0.0; 32]).in_eight_bits().unwrap();
        assert_eq!(zeros.to_f32(), [0.0; 32]);
    }
}
