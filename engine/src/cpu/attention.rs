//! Attention over blocks of keys with a running softmax: the scores of all keys are never in memory.
//!
//! A task owns one head and a few panels of 64 queries, and keeps everything with the queries
//! innermost (`[head_dim][64]`, `[keys][64]`): then both products read keys and values where they lie,
//! and the softmax goes down columns, a query in each vector lane, with no sum across lanes.
//!
//! Twin: `reference::attention`. NMSE ≤ 1e-11.

use std::ops::Range;

use rayon::prelude::*;

use super::functions::vectorised;
use super::panel::{SIDE, transposed};
use super::scratch;
use super::softmax::{PANEL, Running};
use super::strips::Strips;
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
    let keys = turn.inputs[1].shape.pixels();
    let head_dim = shape.channels / heads;
    let out = Strips::of(out, shape.channels);
    (0..heads_in_all * tasks).into_par_iter().for_each(|task| {
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
    /// `[head_dim][PANEL]`: the values so far, weighted; anything before the first block.
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
        let stride = turn.shape.channels;
        let numbers = &turn.inputs[0].numbers[first * stride + self.channel..];
        let rows = Rows { numbers, stride, count: panel.queries.len(), width: self.head_dim };
        let scale = std::f32::consts::LOG2_E / (self.head_dim as f32).sqrt();
        vectorised(
            #[inline(always)]
            || turn_in(rows, scale, panel.q),
        );
        *panel.running = Running::NONE;
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
        panel.running.soften(scores);
        let is_first = keys.start == 0;
        if !is_first {
            panel.running.rescale(panel.mean);
        }
        let value =
            Factor { numbers: v, along: stride, across: 1, depth: keys.len(), outputs: self.head_dim };
        multiply(scores, value, panel.mean, !is_first);
    }

    /// Divides by the sum of the weights and writes.
    ///
    /// # Safety
    /// As for [`Head::run`].
    unsafe fn end(&self, panel: &Panel<'_>, turn: &Turn<'_>, out: &Strips<'_>) {
        let first = self.image * turn.shape.pixels() + panel.queries.start;
        let inverse = panel.running.total.map(|total| 1.0 / total);
        for lane in (0..panel.queries.len()).step_by(SIDE) {
            let count = SIDE.min(panel.queries.len() - lane);
            let inverse = &inverse.as_chunks::<SIDE>().0[lane / SIDE];
            // SAFETY: the caller's promise.
            let row =
                |i| (i < count).then(|| unsafe { out.strip(first + lane + i, self.channel, self.head_dim) });
            let mut rows: [Option<&mut [f32]>; SIDE] = std::array::from_fn(row);
            vectorised(
                #[inline(always)]
                || turn_out(&panel.mean[lane..], inverse, &mut rows),
            );
        }
    }
}

/// Rows of a matrix, and how many numbers of each: row i starts at `numbers[i · stride]`.
#[derive(Clone, Copy)]
struct Rows<'a> {
    numbers: &'a [f32],
    stride: usize,
    count: usize,
    width: usize,
}

/// Rows, at most [`PANEL`], to `columns [width][PANEL]`, scaled; lanes without a row become zero.
#[inline(always)]
fn turn_in(rows: Rows<'_>, scale: f32, columns: &mut [f32]) {
    let Rows { numbers, stride, count, width } = rows;
    let (whole, whole_width) = (count / SIDE * SIDE, width / SIDE * SIDE);
    if count < PANEL {
        columns.fill(0.0);
    }
    for lane in (0..whole).step_by(SIDE) {
        for d in (0..whole_width).step_by(SIDE) {
            let block: [[f32; SIDE]; SIDE] =
                std::array::from_fn(|i| std::array::from_fn(|j| numbers[(lane + i) * stride + d + j]));
            for (j, column) in transposed(block).into_iter().enumerate() {
                columns[(d + j) * PANEL + lane..][..SIDE].copy_from_slice(&column.map(|x| x * scale));
            }
        }
    }
    for lane in 0..count {
        let first = if lane < whole { whole_width } else { 0 };
        for d in first..width {
            columns[d * PANEL + lane] = numbers[lane * stride + d] * scale;
        }
    }
}

/// Some lanes of `columns [..][PANEL]`, each scaled, to rows.
#[inline(always)]
fn turn_out(columns: &[f32], scale: &[f32; SIDE], rows: &mut [Option<&mut [f32]>; SIDE]) {
    let width = columns.len().div_ceil(PANEL);
    let whole = width / SIDE * SIDE;
    for d in (0..whole).step_by(SIDE) {
        let block: [[f32; SIDE]; SIDE] =
            std::array::from_fn(|i| std::array::from_fn(|j| columns[(d + i) * PANEL + j] * scale[j]));
        for (row, numbers) in rows.iter_mut().zip(transposed(block)) {
            if let Some(row) = row {
                row[d..d + SIDE].copy_from_slice(&numbers);
            }
        }
    }
    for (lane, row) in rows.iter_mut().enumerate() {
        if let Some(row) = row {
            for d in whole..width {
                row[d] = columns[d * PANEL + lane] * scale[lane];
            }
        }
    }
}

fn hide_the_future(first_query: usize, first_key: usize, scores: &mut [f32]) {
    for (key, scores) in (first_key..).zip(scores.chunks_exact_mut(PANEL)) {
        scores[..key.saturating_sub(first_query).min(PANEL)].fill(f32::NEG_INFINITY);
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
