//! Attention over blocks of keys with a running softmax: the scores of all keys are never in memory.
//!
//! A task owns one head and a few panels of 64 queries, and keeps queries and scores with the queries
//! innermost (`[head_dim][64]`, `[keys][64]`): then both products read keys and values where they lie,
//! and the softmax goes down columns, a query in each vector lane, with no sum across lanes.
//!
//! Twin: `reference::attention`. NMSE ≤ 1e-11.

use std::ops::Range;

use rayon::prelude::*;

use super::functions::vectorised;
use super::scratch;
use super::softmax::{PANEL, Running};
use super::strips::Strips;
use super::transpose::{self, Rows};
use super::value::Turn;

/// Panels of a task at most: a block of keys and values stays in cache for so many.
const PANELS: usize = 4;
/// Tasks for each thread, so that threads that were held up do not hold up the rest for long.
const TASKS: usize = 4;
/// Keys of a block. It decides the order of the sums, so it is one for all shapes.
const KEYS: usize = 256;

pub(super) fn attention(heads: usize, causal: bool, turn: &Turn<'_>, out: &mut [f32]) {
    let shape = turn.shape;
    let queries = shape.pixels();
    let (panels, heads_in_all) = (queries.div_ceil(PANEL), shape.images * heads);
    let wanted = (TASKS * rayon::current_num_threads()).div_ceil(heads_in_all).min(panels);
    // As even as whole panels allow.
    let share = panels.div_ceil(wanted.max(panels.div_ceil(PANELS))) * PANEL;
    let tasks = queries.div_ceil(share);
    let keys = turn.inputs[turn.inputs.len().min(2) - 1].shape.pixels();
    let head_dim = shape.channels / heads;
    let out = Strips::of(out, shape.channels);
    (0..heads_in_all * tasks).into_par_iter().for_each(|task| {
        // All heads of some queries, one after the other: their rows lie side by side.
        let (head, image, first) = (task % heads, task / heads / tasks, task / heads % tasks * share);
        let head = Head { image, channel: head * head_dim, head_dim, keys, causal };
        // SAFETY: no two tasks share both a query and a head.
        unsafe { head.run(first..(first + share).min(queries), turn, &out) };
    });
}

/// Queries, keys or values (0, 1, 2), and the numbers from one row of them to the next: they may be side by side in one
/// value.
fn side<'a>(turn: &Turn<'a>, place: usize) -> (&'a [f32], usize) {
    match turn.inputs {
        [all] => (&all.numbers[place * turn.shape.channels..], all.shape.channels),
        each => (each[place].numbers, turn.shape.channels),
    }
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
    /// `[PANEL][head_dim]`: the values so far, weighted; anything before the first block.
    mean: &'a mut [f32],
    running: &'a mut Running,
}

impl Head {
    /// # Safety
    /// These queries and channels of `out` are this task's alone.
    unsafe fn run(&self, queries: Range<usize>, turn: &Turn<'_>, out: &Strips<'_>) {
        let len = self.head_dim * PANEL;
        let count = queries.len().div_ceil(PANEL);
        let lengths = [len * count, len * count, Running::LEN * count, KEYS * PANEL];
        scratch::lend(lengths, |[q, mean, running, scores]| {
            let running: &mut [Running] = bytemuck::cast_slice_mut(running);
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
        let first = self.image * turn.shape.pixels() + panel.queries.start;
        let (numbers, stride) = side(turn, 0);
        let numbers = &numbers[first * stride + self.channel..];
        let rows = Rows { numbers, stride, count: panel.queries.len(), width: self.head_dim };
        let scale = std::f32::consts::LOG2_E / (self.head_dim as f32).sqrt();
        transpose::to_columns::<PANEL>(rows, scale, panel.q);
        *panel.running = Running::NONE;
        panel
    }

    /// Scores against a block of keys, their softmax, and their values' share.
    fn block(&self, keys: Range<usize>, turn: &Turn<'_>, panel: &mut Panel<'_>, scores: &mut [f32]) {
        let keys = if self.causal { keys.start..keys.end.min(panel.queries.end) } else { keys };
        if keys.is_empty() {
            return;
        }
        let [(k, stride), (v, _)] = [1, 2].map(|place| side(turn, place));
        let start = (self.image * self.keys + keys.start) * stride + self.channel;
        let (k, v) = (&k[start..], &v[start..]);
        let scores = &mut scores[..keys.len() * PANEL];
        // Scores by keys: columns of queries.
        let key = Factor { numbers: k, along: 1, across: stride, count: keys.len() };
        multiply(self.head_dim, Factor::rows(panel.q, PANEL), key, scores, false);
        if self.causal {
            hide_the_future(panel.queries.start, keys.start, scores);
        }
        panel.running.soften(scores);
        let is_first = keys.start == 0;
        if !is_first {
            panel.running.rescale(panel.mean);
        }
        // Means by queries: rows of channels.
        let value = Factor { numbers: v, along: stride, across: 1, count: self.head_dim };
        multiply(keys.len(), value, Factor::rows(scores, PANEL), panel.mean, !is_first);
    }

    /// Divides by the sum of the weights and writes.
    ///
    /// # Safety
    /// As for [`Head::run`].
    unsafe fn end(&self, panel: &Panel<'_>, turn: &Turn<'_>, out: &Strips<'_>) {
        let first = self.image * turn.shape.pixels() + panel.queries.start;
        let rows = panel.mean.chunks_exact(self.head_dim).zip(&panel.running.total);
        vectorised(
            #[inline(always)]
            || {
                for (row, (mean, total)) in (first..first + panel.queries.len()).zip(rows) {
                    // SAFETY: the caller's promise.
                    let out = unsafe { out.strip(row, self.channel, self.head_dim) };
                    let share = 1.0 / total;
                    for (out, mean) in out.iter_mut().zip(mean) {
                        *out = mean * share;
                    }
                }
            },
        );
    }
}

fn hide_the_future(first_query: usize, first_key: usize, scores: &mut [f32]) {
    for (key, scores) in (first_key..).zip(scores.chunks_exact_mut(PANEL)) {
        scores[..key.saturating_sub(first_query).min(PANEL)].fill(f32::NEG_INFINITY);
    }
}

/// A matrix: `numbers[along · depth + across · place]` for `count` places.
#[derive(Debug, Clone, Copy)]
struct Factor<'a> {
    numbers: &'a [f32],
    along: usize,
    across: usize,
    count: usize,
}

impl<'a> Factor<'a> {
    /// `[depth][count]`.
    fn rows(numbers: &'a [f32], count: usize) -> Self {
        Self { numbers, along: count, across: 1, count }
    }

    fn reaches(&self, depth: usize) -> bool {
        self.numbers.len() > (depth - 1) * self.along + (self.count - 1) * self.across
    }
}

/// `sums [right.count][left.count] (+)= Σ right[depth] · left[depth]`, added where there is `more`.
fn multiply(depth: usize, left: Factor<'_>, right: Factor<'_>, sums: &mut [f32], more: bool) {
    assert!(left.reaches(depth) && right.reaches(depth) && sums.len() >= left.count * right.count);
    // SAFETY: every place that these extents and strides reach is within its slice, as asserted.
    unsafe {
        gemm::gemm(
            left.count,
            right.count,
            depth,
            sums.as_mut_ptr(),
            left.count as isize,
            1,
            more,
            left.numbers.as_ptr(),
            left.along as isize,
            left.across as isize,
            right.numbers.as_ptr(),
            right.across as isize,
            right.along as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
