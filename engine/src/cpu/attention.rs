//! Attention over blocks of keys with a running softmax: the scores of all keys are never in memory.
//!
//! A task owns one head and a few panels of 64 queries, and keeps queries, scores and means with the queries innermost
//! (`[head_dim][64]`, `[keys][64]`, `[head_dim][64]`): then queries and weights are panels of a product, keys and turned
//! values its rows, and the softmax goes down columns, a query in each vector lane, with no sum across lanes.
//!
//! Twin: `reference::attention`. NMSE ≤ 1e-11; where words are of bf16, that of rounded queries, keys, weights and values.

use std::ops::Range;

use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::bf16;
use super::functions::vectorised;
use super::rows::{ROWS, Rows as Words};
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
/// Channels of means that are turned together, or of values that are then rounded.
const TURNED: usize = 64;

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
        let (channel, arithmetic) = (head * head_dim, turn.arithmetic);
        let head = Head { image, channel, head_dim, keys, causal, arithmetic };
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
    arithmetic: Arithmetic,
}

/// A panel of queries, and what is known of their softmax and mean so far.
struct Panel<'a> {
    queries: Range<usize>,
    /// Words `[head_dim][PANEL]`, scaled by log₂e/√head_dim.
    q: &'a [f32],
    /// `[head_dim][PANEL]`: the values so far, weighted; anything before the first block.
    mean: &'a mut [f32],
    running: &'a mut Running,
}

/// The words of a block of keys and values.
struct Block<'a> {
    keys: Range<usize>,
    /// `[keys][head_dim]`.
    k: Words<'a>,
    /// `[head_dim][KEYS]`.
    v: &'a [f32],
}

impl Head {
    /// # Safety
    /// These queries and channels of `out` are this task's alone.
    unsafe fn run(&self, queries: Range<usize>, turn: &Turn<'_>, out: &Strips<'_>) {
        let (pairs, count) = (self.arithmetic.is_in_pairs(), queries.len().div_ceil(PANEL));
        // A product of a single row has room for two.
        let (of_q, of_mean) = (self.head_dim.next_multiple_of(2) * PANEL, self.head_dim.max(2) * PANEL);
        let of_k = if pairs { KEYS * self.words(self.head_dim) } else { 0 };
        let of_v = self.head_dim * self.words(KEYS);
        let of_running = Running::LEN * count;
        let lengths = [of_q * count, of_mean * count, of_running, KEYS * PANEL, of_k, of_v, TURNED * KEYS];
        scratch::lend(lengths, |[q, mean, running, scores, k, v, turned]| {
            let running: &mut [Running] = bytemuck::cast_slice_mut(running);
            let parts = q.chunks_exact_mut(of_q).zip(mean.chunks_exact_mut(of_mean)).zip(running);
            let firsts = queries.clone().step_by(PANEL);
            let panels = firsts.zip(parts).map(|(first, ((q, mean), running))| {
                let queries = first..(first + PANEL).min(queries.end);
                *running = Running::NONE;
                Panel { q: self.queries(queries.clone(), turn, q), queries, mean, running }
            });
            let mut panels: Vec<Panel<'_>> = panels.collect();
            let end = if self.causal { self.keys.min(queries.end) } else { self.keys };
            for start in (0..end).step_by(KEYS) {
                if turn.cancelled() {
                    return;
                }
                let block =
                    self.block(start..(start + KEYS).min(self.keys), turn, [&mut *k, &mut *v, &mut *turned]);
                for panel in &mut panels {
                    self.add(&block, panel, scores);
                }
            }
            for panel in &panels {
                // SAFETY: the caller's promise.
                unsafe { self.end(panel, turn, (turned, out)) };
            }
        });
    }

    /// Words of so many numbers.
    fn words(&self, numbers: usize) -> usize {
        numbers.div_ceil(self.arithmetic.numbers())
    }

    /// A panel's queries, turned.
    fn queries<'a>(&self, queries: Range<usize>, turn: &Turn<'_>, q: &'a mut [f32]) -> &'a [f32] {
        let first = self.image * turn.shape.pixels() + queries.start;
        let (numbers, stride) = side(turn, 0);
        let numbers = &numbers[first * stride + self.channel..];
        let rows = Rows { numbers, stride, count: queries.len(), width: self.head_dim };
        let scale = std::f32::consts::LOG2_E / (self.head_dim as f32).sqrt();
        transpose::to_columns::<PANEL>(rows, scale, &mut q[..self.head_dim * PANEL]);
        self.pair(q, self.head_dim)
    }

    /// A panel `[depth][PANEL]` to words; where they are pairs, there is room for an even depth.
    fn pair<'a>(&self, panel: &'a mut [f32], depth: usize) -> &'a [f32] {
        if self.arithmetic.is_in_pairs() {
            let even = depth.next_multiple_of(2) * PANEL;
            panel[depth * PANEL..even].fill(0.0);
            bf16::pair_rows(&mut panel[..even]);
        }
        &panel[..self.words(depth) * PANEL]
    }

    /// The words of some keys and values: keys in f32 where they lie, values turned.
    fn block<'a>(
        &self,
        keys: Range<usize>,
        turn: &Turn<'a>,
        [of_k, of_v, turned]: [&'a mut [f32]; 3],
    ) -> Block<'a> {
        let [(k, stride), (v, _)] = [1, 2].map(|place| side(turn, place));
        let start = (self.image * self.keys + keys.start) * stride + self.channel;
        let (k, v, count) = (&k[start..], &v[start..], keys.len());
        if !self.arithmetic.is_in_pairs() {
            let rows = Rows { numbers: v, stride, count, width: self.head_dim };
            transpose::to_columns::<KEYS>(rows, 1.0, of_v);
            return Block { keys, k: Words::dense(k, count, stride, self.head_dim), v: of_v };
        }
        let words = self.words(self.head_dim);
        round_lines((k, stride), self.head_dim, (&mut of_k[..count * words], words));
        for (first, to) in (0..self.head_dim).step_by(TURNED).zip(of_v.chunks_mut(TURNED * KEYS / 2)) {
            let width = TURNED.min(self.head_dim - first);
            let rows = Rows { numbers: &v[first..], stride, count, width };
            let turned = &mut turned[..width * KEYS];
            transpose::to_columns::<KEYS>(rows, 1.0, turned);
            round_lines((turned, KEYS), KEYS, (to, KEYS / 2));
        }
        Block { keys, k: Words::dense(of_k, count, words, words), v: of_v }
    }

    /// A panel's scores against a block of keys, their softmax, and their values' share.
    fn add(&self, block: &Block<'_>, panel: &mut Panel<'_>, scores: &mut [f32]) {
        let start = block.keys.start;
        let count = if self.causal { block.keys.end.min(panel.queries.end) } else { block.keys.end };
        let Some(count) = count.checked_sub(start).filter(|count| *count > 0) else { return };
        let keys = Words { starts: &block.k.starts[..count], ..block.k };
        self.arithmetic.multiply(PANEL, panel.q, &keys, (&mut *scores, false));
        if self.causal {
            hide_the_future(panel.queries.start, start, &mut scores[..count * PANEL]);
        }
        panel.running.soften(&mut scores[..count * PANEL]);
        let is_first = start == 0;
        if !is_first {
            panel.running.rescale(panel.mean);
        }
        let weights = self.pair(scores, count);
        let pitch = self.words(KEYS);
        for first in (0..self.head_dim).step_by(ROWS) {
            let rows = ROWS.min(self.head_dim - first);
            let values = Words::dense(&block.v[first * pitch..], rows, pitch, self.words(count));
            let sums = &mut panel.mean[first * PANEL..];
            self.arithmetic.multiply(PANEL, weights, &values, (sums, !is_first));
        }
    }

    /// Divides by the sum of the weights and writes.
    ///
    /// # Safety
    /// As for [`Head::run`].
    unsafe fn end(&self, panel: &Panel<'_>, turn: &Turn<'_>, (turned, out): (&mut [f32], &Strips<'_>)) {
        let first_row = self.image * turn.shape.pixels() + panel.queries.start;
        let shares = panel.running.total.map(|total| 1.0 / total);
        for first in (0..self.head_dim).step_by(TURNED) {
            let count = TURNED.min(self.head_dim - first);
            let rows = Rows { numbers: &panel.mean[first * PANEL..], stride: PANEL, count, width: PANEL };
            let turned = &mut turned[..TURNED * PANEL];
            transpose::to_columns::<TURNED>(rows, 1.0, turned);
            vectorised(
                #[inline(always)]
                || {
                    let queries = turned.chunks_exact(TURNED).zip(shares).take(panel.queries.len());
                    for (row, (mean, share)) in (first_row..).zip(queries) {
                        // SAFETY: the caller's promise.
                        let out = unsafe { out.strip(row, self.channel + first, count) };
                        out.iter_mut().zip(mean).for_each(|(out, mean)| *out = mean * share);
                    }
                },
            );
        }
    }
}

/// Rounds lines of `count` numbers, `stride` apart, to pairs, `words` apart.
fn round_lines((from, stride): (&[f32], usize), count: usize, (to, words): (&mut [f32], usize)) {
    vectorised(
        #[inline(always)]
        || {
            let lines = from.chunks(stride).zip(to.chunks_exact_mut(words));
            lines.for_each(|(from, to)| bf16::round_line(&from[..count], to));
        },
    );
}

fn hide_the_future(first_query: usize, first_key: usize, scores: &mut [f32]) {
    for (key, scores) in (first_key..).zip(scores.chunks_exact_mut(PANEL)) {
        scores[..key.saturating_sub(first_query).min(PANEL)].fill(f32::NEG_INFINITY);
    }
}
