//! Numbers rounded to bf16, the upper half of f32, two in a word: what products of bf16 multiply.

use rayon::prelude::*;

use super::functions::vectorised;
use super::panel::PANEL;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Rows that one thread rounds at a time.
const ROWS: usize = 32;

/// The nearest bf16 in the upper half, of two as near the even one; what is below is anything. NaN stays NaN.
#[inline(always)]
fn nearest(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    if x.is_nan() { bits | 0x0040_0000 } else { rounded }
}

/// Words that hold so many numbers.
pub(super) fn words(numbers: usize) -> usize {
    numbers.div_ceil(2)
}

/// Rounds a line; behind an odd one stands a zero. To be called from a vectorised loop.
#[inline(always)]
pub(super) fn round_line(from: &[f32], to: &mut [f32]) {
    let halves: &mut [u16] = bytemuck::cast_slice_mut(to);
    let (halves, rest) = halves.split_at_mut(from.len());
    halves.iter_mut().zip(from).for_each(|(half, x)| *half = (nearest(*x) >> 16) as u16);
    rest.fill(0);
}

/// Rounds `[rows][count]` to `[rows][words(count)]`, on all threads.
pub(super) fn round_rows(from: &[f32], count: usize, to: &mut [f32]) {
    let (lines, pairs) = (from.par_chunks(ROWS * count), to.par_chunks_mut(ROWS * words(count)));
    lines.zip(pairs).for_each(|(lines, pairs)| round_lines(lines.chunks_exact(count), words(count), pairs));
}

/// Rounds lines to `[lines][words]`.
pub(super) fn round_lines<'a>(lines: impl Iterator<Item = &'a [f32]>, words: usize, to: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || lines.zip(to.chunks_exact_mut(words)).for_each(|(from, to)| round_line(from, to)),
    );
}

/// A panel `[2 n][PANEL]` to pairs `[n][PANEL]` of neighbours in depth, in place.
pub(super) fn pair_rows(panel: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has the instructions.
        return unsafe { x86::pair_rows(panel) };
    }
    vectorised(
        #[inline(always)]
        || pair_each(panel),
    );
}

/// The same, number by number.
#[inline(always)]
fn pair_each(panel: &mut [f32]) {
    for place in 0..panel.len() / (2 * PANEL) {
        let pair = &panel[2 * place * PANEL..][..2 * PANEL];
        let words: [f32; PANEL] = std::array::from_fn(|column| {
            let upper = nearest(pair[PANEL + column]) & 0xffff_0000;
            f32::from_bits(upper | nearest(pair[column]) >> 16)
        });
        panel[place * PANEL..][..PANEL].copy_from_slice(&words);
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    /// Every upper half, with lower halves about the middle between two.
    fn numbers() -> Vec<f32> {
        let lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
        let bits = (0..=0xffffu32).flat_map(|upper| lower.map(|lower| upper << 16 | lower));
        bits.map(f32::from_bits).collect()
    }

    fn same(found: u16, x: f32) -> bool {
        let right = bf16::from_f32(x);
        found == right.to_bits() || right.is_nan() && bf16::from_bits(found).is_nan()
    }

    #[test]
    fn every_number_is_rounded_as_half_rounds_it() {
        let numbers = numbers();
        let mut line = vec![1.0; words(numbers.len())];
        round_line(&numbers, &mut line);
        let halves: &[u16] = bytemuck::cast_slice(&line);
        assert!(halves.iter().zip(&numbers).all(|(half, x)| same(*half, *x)));
        let panel = numbers[..numbers.len() / (2 * PANEL) * 2 * PANEL].to_vec();
        for pair in [pair_rows, pair_each] {
            let mut panel = panel.clone();
            pair(&mut panel);
            for (at, word) in panel[..panel.len() / 2].iter().enumerate() {
                let (place, column) = (at / PANEL, at % PANEL);
                for half in 0..2 {
                    let x = numbers[(2 * place + half) * PANEL + column];
                    let found = (word.to_bits() >> (16 * half)) as u16;
                    // Instructions make zeros of what is below the least normal number, as which products take it anyway.
                    let is_none = x.abs() < f32::MIN_POSITIVE && found & 0x7fff == 0;
                    assert!(same(found, x) || is_none, "{x:e}: {found:x}");
                }
            }
        }
    }

    #[test]
    fn an_odd_row_ends_with_a_zero() {
        let mut to = [f32::NAN; 4];
        round_rows(&[1.0, 2.0, 3.0, -1.0, -2.0, -3.0], 3, &mut to);
        let halves: &[u16] = bytemuck::cast_slice(&to);
        let numbers: Vec<f32> = halves.iter().map(|half| bf16::from_bits(*half).to_f32()).collect();
        assert_eq!(numbers, [1.0, 2.0, 3.0, 0.0, -1.0, -2.0, -3.0, 0.0]);
    }
}
