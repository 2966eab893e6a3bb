//! Normalised attention guidance: what queries found in a prompt, moved away from a negative prompt.
//!
//! Twin: `reference::guide`. NMSE ≤ 1e-12.

use rayon::prelude::*;

use super::functions::vectorised;
use super::value::Turn;

/// Rows of a task.
const ROWS: usize = 32;
/// Partial sums, so that additions need not wait for each other.
const LANES: usize = 32;

pub(super) fn guide(turn: &Turn<'_>, out: &mut [f32]) {
    let (channels, pixels) = (turn.shape.channels, turn.shape.pixels());
    let [a, b] = [0, 1].map(|input| turn.inputs[input].numbers.par_chunks(ROWS * channels));
    let guidance = turn.inputs[2].numbers;
    out.par_chunks_mut(ROWS * channels).zip(a.zip(b)).enumerate().for_each(|(task, (out, (a, b)))| {
        let rows = out.chunks_exact_mut(channels).zip(a.chunks_exact(channels).zip(b.chunks_exact(channels)));
        for (row, (out, (a, b))) in (task * ROWS..).zip(rows) {
            let guidance = &guidance[row / pixels * 3..][..3];
            vectorised(
                #[inline(always)]
                || guide_row([guidance[0], guidance[1], guidance[2]], a, b, out),
            );
        }
    });
}

#[inline(always)]
fn guide_row([scale, tau, alpha]: [f32; 3], a: &[f32], b: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = scale * a - (scale - 1.0) * b);
    let (limit, norm) = (tau * norm(a), norm(out));
    let share = if norm > limit { alpha * (limit / norm) } else { alpha };
    out.iter_mut().zip(a).for_each(|(out, a)| *out = share * *out + (1.0 - alpha) * a);
}

/// The sum of all absolute values.
#[inline(always)]
fn norm(x: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for x in whole {
        for lane in 0..LANES {
            sums[lane] += x[lane].abs();
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| x.abs()).sum::<f32>()
}
