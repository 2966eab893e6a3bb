//! Linear layers: `[rows, in] · [out, in]ᵀ`, then the epilogue.
//!
//! Twin: `reference::product`. NMSE ≤ 1e-12.

use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::bf16;
use super::changed;
use super::epilogue::Finish;
use super::functions::vectorised;
use super::kept::Kept;
use super::panel::{self, Depth, Outputs, PANEL};
use super::product::{self, Factors};
use super::rows::{Places, Rows};
use super::scratch::{self, NodeWords, OfNode};
use super::strips::Strips;
use super::value::Turn;
use crate::graph::{Activation, Epilogue, Shape};
use crate::weights::{LowRank, Weight};

/// Words of a block of depth at most: a panel of them is 160 KiB, and 640 and 1280 inputs are whole blocks.
const DEPTH: usize = 640;
/// With fewer rows of an image than this, turning a panel costs more than multiplying by it. Which way is taken must not
/// depend on the batch: the two add in different orders.
pub(super) const FEW_ROWS: usize = 8;
/// Weights of one output that are converted at a time where rows are few.
const STRETCH: usize = 1024;

pub(super) fn linear(weight: &Weight, epilogue: &Epilogue, turn: &Turn<'_>, out: &mut [f32]) {
    let finish = Finish::new(epilogue, turn);
    let (arithmetic, x, fan_in) = (turn.arithmetic, turn.inputs[0].numbers, weight.fan_in());
    let run = |x: Inputs<'_>, out: &mut [f32]| {
        changed::run(&LinearFactors { weight, arithmetic, kept: turn.kept, x }, &finish, turn, out);
    };
    if turn.shape.pixels() <= FEW_ROWS {
        return few_rows(weight, &finish, turn, out);
    }
    match Rounding::of(arithmetic, epilogue, turn.shape) {
        Rounding::None => run(Inputs::Words(x), out),
        Rounding::InTasks => run(Inputs::Numbers(x), out),
        Rounding::Before => {
            scratch::lend_to_node(OfNode::Rounded, turn.shape.rows() * bf16::words(fan_in), |pairs| {
                bf16::round_rows(x, fan_in, pairs);
                run(Inputs::Words(pairs), out);
            });
        }
    }
}

/// When inputs are rounded to what is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    /// They are multiplied as they are.
    None,
    /// Each task rounds its rows, which no other task multiplies.
    InTasks,
    /// Once, for all the tasks that multiply the same rows.
    Before,
}

impl Rounding {
    fn of(arithmetic: Arithmetic, epilogue: &Epilogue, shape: Shape) -> Self {
        let panels = shape.channels.div_ceil(Outputs::width(epilogue.activation == Activation::Geglu));
        match arithmetic.is_in_pairs() {
            false => Self::None,
            true if panels <= product::PANELS => Self::InTasks,
            true => Self::Before,
        }
    }
}

/// Words that the whole layer works in beside its tasks.
pub(super) fn node_words(
    weight: &Weight,
    epilogue: &Epilogue,
    shape: Shape,
    (arithmetic, kept): (Arithmetic, Option<&Kept>),
) -> NodeWords {
    if shape.pixels() <= FEW_ROWS {
        return NodeWords::default();
    }
    let is_geglu = epilogue.activation == Activation::Geglu;
    let (x, rounded) = match Rounding::of(arithmetic, epilogue, shape) {
        Rounding::None => (Inputs::Words(&[]), 0),
        Rounding::InTasks => (Inputs::Numbers(&[]), 0),
        Rounding::Before => (Inputs::Words(&[]), shape.rows() * bf16::words(weight.fan_in())),
    };
    let factors = LinearFactors { weight, arithmetic, kept, x };
    let panels = product::made_words(&factors, shape, is_geglu);
    NodeWords { rounded, panels, tasks: product::thread_words(&factors, shape, is_geglu) }
}

/// Room for the panels of a weight, where a product with so many rows of an image makes any that stay as they are.
pub(super) fn room(
    weight: &Weight,
    epilogue: &Epilogue,
    shape: Shape,
    arithmetic: Arithmetic,
) -> Option<Kept> {
    if shape.pixels() <= FEW_ROWS {
        return None;
    }
    let factors = |weight| LinearFactors { weight, arithmetic, kept: None, x: Inputs::Words(&[]) };
    let base = changed::lasting(weight, factors(weight).depth(), shape.pixels())?;
    Some(product::room(&factors(&base), shape.channels, epilogue.activation == Activation::Geglu))
}

/// What is multiplied with a weight.
#[derive(Clone, Copy)]
enum Inputs<'a> {
    /// Words, `[rows]` of as many as hold the inputs.
    Words(&'a [f32]),
    /// `[rows][inputs]`, which become words in tasks.
    Numbers(&'a [f32]),
}

struct LinearFactors<'a> {
    weight: &'a Weight,
    arithmetic: Arithmetic,
    kept: Option<&'a Kept>,
    x: Inputs<'a>,
}

impl LinearFactors<'_> {
    /// Words that hold so many numbers.
    fn words(&self, numbers: usize) -> usize {
        numbers.div_ceil(self.arithmetic.numbers())
    }

    /// Numbers in this block, without padding.
    fn inputs_of(&self, block: usize) -> usize {
        self.depth().min(self.weight.fan_in() - block * self.depth())
    }
}

impl Factors for LinearFactors<'_> {
    fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    fn depth(&self) -> usize {
        let (fan_in, most) = (self.weight.fan_in(), DEPTH * self.arithmetic.numbers());
        fan_in.div_ceil(fan_in.div_ceil(most)).next_multiple_of(8).min(fan_in)
    }

    fn blocks(&self) -> usize {
        self.weight.fan_in().div_ceil(self.depth())
    }

    fn depth_of(&self, block: usize) -> usize {
        self.words(self.inputs_of(block)) * self.arithmetic.numbers()
    }

    fn gathered(&self, places: &Places) -> usize {
        match self.x {
            Inputs::Words(_) => 0,
            Inputs::Numbers(_) => places.rows.len() * self.words(self.depth()),
        }
    }

    fn rows<'a>(&'a self, block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a> {
        let (fan_in, rows, first) = (self.weight.fan_in(), &places.rows, block * self.depth());
        let run = self.words(self.inputs_of(block));
        match self.x {
            Inputs::Words(words) => {
                // Blocks but the last are whole words.
                let stride = self.words(fan_in);
                let words = &words[rows.start * stride + self.words(first)..rows.end * stride];
                Rows::dense(words, rows.len(), stride, run)
            }
            Inputs::Numbers(numbers) => {
                let lines = numbers[rows.start * fan_in..rows.end * fan_in].chunks_exact(fan_in);
                bf16::round_lines(lines.map(|line| &line[first..][..self.inputs_of(block)]), run, space);
                Rows::dense(space, rows.len(), run, run)
            }
        }
    }

    fn weight(&self) -> &Weight {
        self.weight
    }

    fn kept(&self) -> Option<&Kept> {
        self.kept
    }

    fn panel_of(
        &self,
        weight: &Weight,
        block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        let count = self.inputs_of(block);
        let (panel, padding) = panel.split_at_mut(count * PANEL);
        padding.fill(0.0);
        let depth = Depth { start: block * self.depth(), count, place: |k| k };
        panel::fill(weight, outputs, depth, space, panel);
    }
}

/// One or a few rows (time embeddings, pooled text): bound by reading the weights, so each is read
/// once, where it lies, and meets every row at once.
fn few_rows(weight: &Weight, finish: &Finish<'_>, turn: &Turn<'_>, out: &mut [f32]) {
    let (weight, differences) = weight.split();
    let x = turn.inputs[0].numbers;
    let thin = differences.iter().map(|LowRank { down, factor, .. }| {
        changed::times(*factor, down, turn, |finish, turn, out| few_rows(down, finish, turn, out))
    });
    let thin: Vec<Vec<f32>> = thin.collect();
    let beside = differences.iter().zip(&thin).map(|(difference, x)| (difference.up, &x[..]));
    let factors: Vec<(&Weight, &[f32])> = std::iter::once((&weight, x)).chain(beside).collect();
    let (rows, outputs) = (turn.shape.rows(), turn.shape.channels);
    let panels = outputs.div_ceil(Outputs::width(finish.is_geglu()));
    let out = Strips::of(out, outputs);
    (0..panels).into_par_iter().for_each(|panel| {
        let at = Outputs::nth(panel, outputs, finish.is_geglu());
        scratch::lend([rows * PANEL, STRETCH], |[sums, space]| {
            for (column, output) in at.weight_rows() {
                for row in 0..rows {
                    sums[row * PANEL + column] = 0.0;
                }
                for (weight, x) in &factors {
                    dot_rows(weight, (output, x), space, |row, sum| sums[row * PANEL + column] += sum);
                }
            }
            // SAFETY: every panel is one task's.
            unsafe { finish.write(sums, 0, at, &out) };
        });
    });
}

/// Gives `add(row, part of the sum)` for every row and stretch of one output's weights.
fn dot_rows(
    weight: &Weight,
    (output, x): (usize, &[f32]),
    space: &mut [f32],
    mut add: impl FnMut(usize, f32),
) {
    let fan_in = weight.fan_in();
    for start in (0..fan_in).step_by(STRETCH) {
        let weights = &mut space[..STRETCH.min(fan_in - start)];
        weight.read(output * fan_in + start, weights);
        vectorised(
            #[inline(always)]
            || {
                for (row, x) in x.chunks_exact(fan_in).enumerate() {
                    add(row, dot(&x[start..start + weights.len()], weights));
                }
            },
        );
    }
}

/// A dot product in 32 sums, so that additions need not wait for each other.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut sums = [0.0f32; LANES];
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0] + rest
}
