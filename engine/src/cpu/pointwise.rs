//! Functions of every number, sums of two values, channels side by side, rounding to halves: bound by
//! memory, all of them.
//!
//! Twin: `reference::pointwise`. Exact, the functions excepted (NMSE ≤ 1e-12).

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::functions::{self, vectorised};
use super::value::Turn;
use crate::graph::Activation;
use crate::weights::Weight;

/// Numbers of a task.
const CHUNK: usize = 16 * 1024;

pub(super) fn add(turn: &Turn<'_>, out: &mut [f32]) {
    let [a, b] = [0, 1].map(|input| turn.inputs[input].numbers.par_chunks(CHUNK));
    out.par_chunks_mut(CHUNK).zip(a.zip(b)).for_each(|(out, (a, b))| {
        vectorised(
            #[inline(always)]
            || out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a + b),
        );
    });
}

pub(super) fn add_per_image(turn: &Turn<'_>, out: &mut [f32]) {
    let (channels, pixels) = (turn.shape.channels, turn.shape.pixels());
    let rows = (CHUNK / channels).max(1);
    let vectors = turn.inputs[1].numbers;
    let x = turn.inputs[0].numbers.par_chunks(rows * channels);
    out.par_chunks_mut(rows * channels).zip(x).enumerate().for_each(|(chunk, (out, x))| {
        let lines = out.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
        for (row, (out, x)) in (chunk * rows..).zip(lines) {
            let vector = &vectors[row / pixels * channels..][..channels];
            vectorised(
                #[inline(always)]
                || out.iter_mut().zip(x.iter().zip(vector)).for_each(|(out, (x, v))| *out = x + v),
            );
        }
    });
}

pub(super) fn add_scaled(place: usize, turn: &Turn<'_>, out: &mut [f32]) {
    let image = turn.shape.pixels() * turn.shape.channels;
    let factors = turn.inputs[2].numbers.chunks_exact(turn.inputs[2].shape.channels);
    let [a, b] = [0, 1].map(|input| turn.inputs[input].numbers.chunks_exact(image));
    for (out, ((a, b), factors)) in out.chunks_exact_mut(image).zip(a.zip(b).zip(factors)) {
        let (factor, inputs) = (factors[place], a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)));
        out.par_chunks_mut(CHUNK).zip(inputs).for_each(|(out, (a, b))| {
            vectorised(
                #[inline(always)]
                || out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a + factor * b),
            );
        });
    }
}

pub(super) fn activate(activation: Activation, turn: &Turn<'_>, out: &mut [f32]) {
    let x = turn.inputs[0].numbers.par_chunks(CHUNK);
    out.par_chunks_mut(CHUNK).zip(x).for_each(|(out, x)| {
        out.copy_from_slice(x);
        functions::activate(out, activation);
    });
}

pub(super) fn prelu(slopes: &Weight, turn: &Turn<'_>, out: &mut [f32]) {
    let slopes = slopes.to_f32();
    let (channels, x) = (slopes.len(), turn.inputs[0].numbers);
    let some = (CHUNK / channels).max(1) * channels;
    out.par_chunks_mut(some).zip(x.par_chunks(some)).for_each(|(out, x)| {
        vectorised(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    let numbers = x.iter().zip(&slopes);
                    // What is not a number stays so.
                    let value = |(x, slope): (&f32, &f32)| if *x < 0.0 { x * slope } else { *x };
                    out.iter_mut().zip(numbers).for_each(|(out, both)| *out = value(both));
                }
            },
        );
    });
}

pub(super) fn concat(turn: &Turn<'_>, out: &mut [f32]) {
    let [a, b] = [turn.inputs[0], turn.inputs[1]];
    let (left, right) = (a.shape.channels, b.shape.channels);
    let rows = (CHUNK / (left + right)).max(1);
    let parts = a.numbers.par_chunks(rows * left).zip(b.numbers.par_chunks(rows * right));
    out.par_chunks_mut(rows * (left + right)).zip(parts).for_each(|(out, (a, b))| {
        let pixels = a.chunks_exact(left).zip(b.chunks_exact(right));
        for (out, (a, b)) in out.chunks_exact_mut(left + right).zip(pixels) {
            out[..left].copy_from_slice(a);
            out[left..].copy_from_slice(b);
        }
    });
}

/// Rounds every number to the nearest f16, to even between two: what a device that stores halves
/// would keep. An emulation, for comparisons; it saves no memory here.
pub(super) fn round_to_halves(out: &mut [f32]) {
    out.par_chunks_mut(CHUNK).for_each(|out| {
        let mut halves = [f16::ZERO; 512];
        for line in out.chunks_mut(halves.len()) {
            let halves = &mut halves[..line.len()];
            halves.convert_from_f32_slice(line);
            halves.convert_to_f32_slice(line);
        }
    });
}
