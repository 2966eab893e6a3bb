//! Attention over blocks of keys with a running softmax: the scores of all keys are never in memory.
//!
//! A task owns one head and a few panels of 64 queries, and keeps everything with the queries
//! innermost (`[head_dim][64]`, `[keys][64]`): then both products read keys and values where they lie,
//! and the softmax goes down columns, a query in each vector lane, with no sum across lanes.
//!
//! Twin: `reference::attention`. NMSE ≤ 1e-11.

use std::ops::Range;

use rayon::prelude::*;

use super::functions::{exp2_of_negative, vectorised};
use super::scratch;
use super::strips::Strips;
use super::value::Turn;

/// Queries of a panel: four vectors of AVX-512, the height of `gemm`'s tile there.
const PANEL: usize = 64;
/// Panels of a task: a block of keys and values stays in cache for so many.
const PANELS: usize = 4;
/// Keys of a block. It decides the order of the sums, so it is one for all shapes.
const KEYS: usize = 256;

pub(super) fn attention(heads: usize, causal: bool, turn: &Turn<'_>, out: &mut [f32]) {
    let shape = turn.shape;
    let queries = shape.pixels();
    let tasks = queries.div_ceil(PANEL * PANELS);
    // As even as whole panels allow.
    let share = queries.div_ceil(PANEL).div_ceil(tasks) * PANEL;
    let keys = turn.inputs[1].shape.pixels();
    let head_dim = shape.channels / heads;
    let out = Strips::of(out, shape.channels);
    (0..shape.images * heads * tasks).into_par_iter().for_each(|task| {
        let (strip, first) = (task / tasks, task % tasks * share);
        let head = Head { image: strip / heads, channel: strip % heads * head_dim, head_dim, keys, causal };
        // SAFETY: no two tasks share both a query and a head.
        unsafe { head.run(first..(first + share).min(queries), turn, &out) };
    });
}

/// One head of one image.
struct Head {
    image: usize,
    /// The head's first channel.
    channel: usize,
    head_dim: usize,
    keys: usize,
    causal: bool,
}

/// A panel of queries, and what is known of their softmax and mean so far.
struct Panel<'a> {
    queries: Range<usize>,
    /// `[head_dim][PANEL]`, scaled by log₂e/√head_dim.
    q: &'a mut [f32],
    /// `[head_dim][PANEL]`: the values so far, weighted.
    mean: &'a mut [f32],
    /// Largest score, sum of weights.
    running: &'a mut [[f32; PANEL]; 2],
}

impl Head {
    /// # Safety
    /// These queries and channels of `out` are this task's alone.
    unsafe fn run(&self, queries: Range<usize>, turn: &Turn<'_>, out: &Strips<'_>) {
        let len = self.head_dim * PANEL;
        let count = queries.len().div_ceil(PANEL);
        let lengths = [len * count, len * count, 2 * PANEL * count, KEYS * PANEL];
        scratch::lend(lengths, |[q, mean, running, scores]| {
            let running: &mut [[[f32; PANEL]; 2]] = bytemuck::cast_slice_mut(running);
            let parts = q.chunks_exact_mut(len).zip(mean.chunks_exact_mut(len)).zip(running);
            let firsts = queries.clone().step_by(PANEL);
            let panels = firsts.zip(parts).map(|(first, ((q, mean), running))| {
                let queries = first..(first + PANEL).min(queries.end);
                self.begin(Panel { queries, q, mean, running }, turn)
            });
            let mut panels: Vec<Panel<'_>> = panels.collect();
            for start in (0..self.keys).step_by(KEYS) {
                if turn.cancelled() {
                    return;
                }
                for panel in &mut panels {
                    self.block(start..(start + KEYS).min(self.keys), turn, panel, scores);
                }
            }
            for panel in &panels {
                // SAFETY: the caller's promise.
                unsafe { self.end(panel, turn, out) };
            }
        });
    }

    /// Turns the queries and clears what runs.
    fn begin<'a>(&self, panel: Panel<'a>, turn: &Turn<'_>) -> Panel<'a> {
        let channels = turn.shape.channels;
        let scale = std::f32::consts::LOG2_E / (self.head_dim as f32).sqrt();
        panel.q.fill(0.0);
        panel.mean.fill(0.0);
        for (lane, query) in panel.queries.clone().enumerate() {
            let row = self.image * turn.shape.pixels() + query;
            let numbers = &turn.inputs[0].numbers[row * channels + self.channel..][..self.head_dim];
            for (q, number) in panel.q.chunks_exact_mut(PANEL).zip(numbers) {
                q[lane] = number * scale;
            }
        }
        *panel.running = [[f32::NEG_INFINITY; PANEL], [0.0; PANEL]];
        panel
    }

    /// Scores against a block of keys, their softmax, and their values' share.
    fn block(&self, keys: Range<usize>, turn: &Turn<'_>, panel: &mut Panel<'_>, scores: &mut [f32]) {
        let keys = if self.causal { keys.start..keys.end.min(panel.queries.end) } else { keys };
        if keys.is_empty() {
            return;
        }
        let start = (self.image * self.keys + keys.start) * turn.shape.channels + self.channel;
        let [k, v] = [1, 2].map(|input| &turn.inputs[input].numbers[start..]);
        let stride = turn.shape.channels;
        let scores = &mut scores[..keys.len() * PANEL];
        let key = Factor { numbers: k, along: 1, across: stride, depth: self.head_dim, outputs: keys.len() };
        multiply(panel.q, key, scores, false);
        if self.causal {
            hide_the_future(panel.queries.start, keys.start, scores);
        }
        vectorised(
            #[inline(always)]
            || soften(scores, panel),
        );
        let value =
            Factor { numbers: v, along: stride, across: 1, depth: keys.len(), outputs: self.head_dim };
        multiply(scores, value, panel.mean, true);
    }

    /// Divides by the sum of the weights and writes.
    ///
    /// # Safety
    /// As for [`Head::run`].
    unsafe fn end(&self, panel: &Panel<'_>, turn: &Turn<'_>, out: &Strips<'_>) {
        for (lane, query) in panel.queries.clone().enumerate() {
            let row = self.image * turn.shape.pixels() + query;
            // SAFETY: the caller's promise.
            let out = unsafe { out.strip(row, self.channel, self.head_dim) };
            let total = panel.running[1][lane];
            for (out, mean) in out.iter_mut().zip(panel.mean.chunks_exact(PANEL)) {
                *out = mean[lane] / total;
            }
        }
    }
}

fn hide_the_future(first_query: usize, first_key: usize, scores: &mut [f32]) {
    for (key, scores) in (first_key..).zip(scores.chunks_exact_mut(PANEL)) {
        scores[..key.saturating_sub(first_query).min(PANEL)].fill(f32::NEG_INFINITY);
    }
}

/// Scores become weights `2^(score − largest)`; sum and mean so far are scaled to a new largest.
#[inline(always)]
fn soften(scores: &mut [f32], panel: &mut Panel<'_>) {
    let scores = scores.as_chunks_mut::<PANEL>().0;
    let [before, mut total] = *panel.running;
    let mut largest = before;
    for scores in &*scores {
        for lane in 0..PANEL {
            largest[lane] = if scores[lane] > largest[lane] { scores[lane] } else { largest[lane] };
        }
    }
    let factor: [f32; PANEL] = std::array::from_fn(|lane| exp2_of_negative(before[lane] - largest[lane]));
    for lane in 0..PANEL {
        total[lane] *= factor[lane];
    }
    for scores in scores {
        for lane in 0..PANEL {
            scores[lane] = exp2_of_negative(scores[lane] - largest[lane]);
            total[lane] += scores[lane];
        }
    }
    *panel.running = [largest, total];
    for mean in panel.mean.as_chunks_mut::<PANEL>().0 {
        for lane in 0..PANEL {
            mean[lane] *= factor[lane];
        }
    }
}

/// The other factor: `numbers[along · depth + across · output]`.
#[derive(Debug, Clone, Copy)]
struct Factor<'a> {
    numbers: &'a [f32],
    along: usize,
    across: usize,
    depth: usize,
    outputs: usize,
}

/// `sums [outputs][PANEL] (+)= Σ columns [depth][PANEL] · factor[depth, output]`, added where there is `more`.
fn multiply(columns: &[f32], factor: Factor<'_>, sums: &mut [f32], more: bool) {
    let Factor { depth, outputs, .. } = factor;
    assert!(columns.len() >= depth * PANEL && sums.len() >= outputs * PANEL);
    assert!(factor.numbers.len() > (depth - 1) * factor.along + (outputs - 1) * factor.across);
    // SAFETY: every place that these extents and strides reach is within its slice, as asserted.
    unsafe {
        gemm::gemm(
            PANEL,
            outputs,
            depth,
            sums.as_mut_ptr(),
            PANEL as isize,
            1,
            more,
            columns.as_ptr(),
            PANEL as isize,
            1,
            factor.numbers.as_ptr(),
            factor.across as isize,
            factor.along as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
