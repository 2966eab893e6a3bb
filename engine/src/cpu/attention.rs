//! Attention over blocks of keys with a running softmax: the scores of all keys are never in memory.
//!
//! A task owns one head and a block of queries, and keeps everything with the queries innermost
//! (`[head_dim][queries]`, `[keys][queries]`): then both products read the keys and values where they
//! lie, and the softmax goes down columns with a query in each vector lane.
//!
//! Twin: `reference::attention`. NMSE ≤ 1e-11.

use rayon::prelude::*;

use super::functions::{exp, vectorised};
use super::scratch;
use super::strips::Strips;
use super::value::Turn;

/// Queries of a task at most: what it costs to read a key is spread over so many.
const QUERIES: usize = 192;
/// Keys of a block. Fixed, since it decides the order of the sums.
const KEYS: usize = 256;

pub(super) fn attention(heads: usize, causal: bool, turn: &Turn<'_>, out: &mut [f32]) {
    let shape = turn.shape;
    let queries = shape.pixels();
    let blocks = queries.div_ceil(QUERIES);
    // Whole vectors of queries, so that no product has a ragged edge.
    let width = queries.div_ceil(blocks).next_multiple_of(16);
    let keys = turn.inputs[1].shape.pixels();
    let head_dim = shape.channels / heads;
    let out = Strips::of(out, shape.channels);
    (0..shape.images * heads * blocks).into_par_iter().for_each(|task| {
        let (head, block) = (task / blocks % heads, task % blocks);
        let image = task / blocks / heads;
        let first = block * width;
        let count = width.min(queries.saturating_sub(first));
        if count > 0 {
            let strip = Strip { image, channel: head * head_dim, head_dim, first, count, width, keys };
            // SAFETY: no two tasks share both a query and a head.
            unsafe { strip.run(causal, turn, &out) };
        }
    });
}

/// One task: some queries of one head.
struct Strip {
    image: usize,
    /// The head's first channel.
    channel: usize,
    head_dim: usize,
    /// The first query, within its image.
    first: usize,
    count: usize,
    /// `count` rounded up to whole vectors.
    width: usize,
    keys: usize,
}

/// What is known of each query's softmax so far, and its columns.
struct State<'a> {
    /// `[head_dim][width]`, scaled by 1/√head_dim.
    q: &'a mut [f32],
    /// `[KEYS][width]`.
    scores: &'a mut [f32],
    /// `[head_dim][width]`: the values so far, weighted.
    mean: &'a mut [f32],
    /// `[3][width]`: largest score, sum of weights, factor for what came before.
    running: &'a mut [f32],
}

impl Strip {
    /// # Safety
    /// These queries and channels of `out` are this task's alone.
    unsafe fn run(&self, causal: bool, turn: &Turn<'_>, out: &Strips<'_>) {
        let lengths =
            [self.head_dim * self.width, KEYS * self.width, self.head_dim * self.width, 3 * self.width];
        scratch::lend(lengths, |[q, scores, mean, running]| {
            let mut state = State { q, scores, mean, running };
            self.begin(turn, &mut state);
            let seen = if causal { self.keys.min(self.first + self.count) } else { self.keys };
            for start in (0..seen).step_by(KEYS) {
                if turn.cancelled() {
                    return;
                }
                let keys = start..(start + KEYS).min(seen);
                self.block(keys, causal, turn, &mut state);
            }
            for query in 0..self.count {
                let row = self.image * turn.shape.pixels() + self.first + query;
                // SAFETY: the caller's promise.
                let out = unsafe { out.strip(row, self.channel, self.head_dim) };
                let total = state.running[self.width + query];
                for (out, mean) in out.iter_mut().zip(state.mean[query..].iter().step_by(self.width)) {
                    *out = mean / total;
                }
            }
        });
    }

    /// Turns the queries and clears what runs.
    fn begin(&self, turn: &Turn<'_>, state: &mut State<'_>) {
        let channels = turn.shape.channels;
        let scale = 1.0 / (self.head_dim as f32).sqrt();
        state.q.fill(0.0);
        state.mean.fill(0.0);
        for query in 0..self.count {
            let row = self.image * turn.shape.pixels() + self.first + query;
            let numbers = &turn.inputs[0].numbers[row * channels + self.channel..][..self.head_dim];
            for (q, number) in state.q[query..].iter_mut().step_by(self.width).zip(numbers) {
                *q = number * scale;
            }
        }
        state.running.fill(0.0);
        state.running[..self.width].fill(f32::NEG_INFINITY);
    }

    /// Scores against a block of keys, their softmax, and their values' share.
    fn block(&self, keys: std::ops::Range<usize>, causal: bool, turn: &Turn<'_>, state: &mut State<'_>) {
        let start = (self.image * self.keys + keys.start) * turn.shape.channels + self.channel;
        let [k, v] = [1, 2].map(|input| &turn.inputs[input].numbers[start..]);
        let (stride, width, count) = (turn.shape.channels, self.width, keys.len());
        let q = Columns { numbers: state.q, width };
        multiply(
            &q,
            Factor { numbers: k, along: 1, across: stride },
            (count, self.head_dim),
            (state.scores, false),
        );
        if causal {
            self.hide_the_future(keys.start, &mut state.scores[..count * width]);
        }
        vectorised(|| soften(&mut state.scores[..count * width], state.running, state.mean, width));
        let scores = Columns { numbers: &state.scores[..count * width], width };
        multiply(
            &scores,
            Factor { numbers: v, along: stride, across: 1 },
            (self.head_dim, count),
            (state.mean, true),
        );
    }

    fn hide_the_future(&self, first_key: usize, scores: &mut [f32]) {
        for (key, scores) in (first_key..).zip(scores.chunks_exact_mut(self.width)) {
            let hidden = key.saturating_sub(self.first).min(self.width);
            scores[..hidden].fill(f32::NEG_INFINITY);
        }
    }
}

/// Scores become weights `e^(score − largest)`; sums and means so far are scaled to a new largest.
#[inline(always)]
fn soften(scores: &mut [f32], running: &mut [f32], mean: &mut [f32], width: usize) {
    let (largest, rest) = running.split_at_mut(width);
    let (total, factor) = rest.split_at_mut(width);
    factor.copy_from_slice(largest);
    for scores in scores.chunks_exact(width) {
        for (largest, &score) in largest.iter_mut().zip(scores) {
            *largest = if score > *largest { score } else { *largest };
        }
    }
    for lane in 0..width {
        factor[lane] = exp(factor[lane] - largest[lane]);
        total[lane] *= factor[lane];
    }
    for scores in scores.chunks_exact_mut(width) {
        for lane in 0..width {
            let weight = exp(scores[lane] - largest[lane]);
            scores[lane] = weight;
            total[lane] += weight;
        }
    }
    for mean in mean.chunks_exact_mut(width) {
        mean.iter_mut().zip(&*factor).for_each(|(mean, factor)| *mean *= factor);
    }
}

/// `[depth][width]`: a query in each column.
struct Columns<'a> {
    numbers: &'a [f32],
    width: usize,
}

/// The other factor: `numbers[along · depth + across · output]`.
#[derive(Debug, Clone, Copy)]
struct Factor<'a> {
    numbers: &'a [f32],
    along: usize,
    across: usize,
}

/// `sums [outputs][width] (+)= Σ columns[depth] · factor[depth, output]`.
fn multiply(
    columns: &Columns<'_>,
    factor: Factor<'_>,
    (outputs, depth): (usize, usize),
    (sums, more): (&mut [f32], bool),
) {
    let width = columns.width;
    assert!(columns.numbers.len() >= depth * width && sums.len() >= outputs * width);
    assert!(factor.numbers.len() > (depth - 1) * factor.along + (outputs - 1) * factor.across);
    // SAFETY: every place that these extents and strides reach is within its slice, as asserted.
    unsafe {
        gemm::gemm(
            width,
            outputs,
            depth,
            sums.as_mut_ptr(),
            width as isize,
            1,
            more,
            columns.numbers.as_ptr(),
            width as isize,
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
