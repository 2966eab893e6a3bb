//! The loop nest that linear layers and convolutions share, around the tiles of [`Arithmetic`].
//!
//! Outputs are cut into panels of 64, rows into blocks of up to 512, the depth into blocks that keep
//! a panel in the second-level cache. A task owns a block of rows and a few panels. For each block
//! of depth it makes the rows ready (a convolution copies the pixels that they see, a linear layer
//! reads them where they are), turns each panel's weights into words and adds the product to its sums.
//!
//! The order of every sum is that of its depth blocks, so tiles may follow the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::bf16;
use super::epilogue::Finish;
use super::kept::{Form, Kept};
use super::panel::{self, Outputs, PANEL};
use super::rows::{Places, ROWS, Rows};
use super::scratch::{self, OfNode};
use super::strips::Strips;
use super::value::Turn;
use crate::graph::Shape;
use crate::weights::Weight;

/// Bytes of working space that a thread takes, at most.
pub(super) const SCRATCH: u64 = 2 << 20;
/// Numbers of a pixel that are multiplied at once where sums are put together from several parts: the rows of a panel that
/// they go with stay in the first-level cache.
const RUN: usize = 128;
/// Panels of a task at most, if nothing else is said.
pub(super) const PANELS: usize = 5;
/// Tasks for each thread, so that threads that were held up do not hold up the rest for long.
const TASKS: usize = 4;

/// What is multiplied: a linear layer or a convolution.
pub(super) trait Factors: Sync {
    /// What words are, and how they are multiplied.
    fn arithmetic(&self) -> Arithmetic;
    /// Pixels of a unit, for each of which sums are taken together: a row of outputs, or several.
    fn pixels(&self) -> usize {
        1
    }
    /// Units of a task at most.
    fn most_units(&self) -> usize {
        ROWS / self.pixels()
    }
    /// Panels of a task at most: what it costs to gather a pixel is spread over so many.
    fn most_panels(&self) -> usize {
        PANELS
    }
    /// Units of a value of this shape.
    fn units(&self, shape: Shape) -> usize {
        shape.rows()
    }
    /// Products that the sums of a unit are put together from, each of its own words and panel.
    fn parts(&self) -> usize {
        1
    }
    /// Numbers in a block of depth at most; a multiple of 8 unless there is one block only.
    fn depth(&self) -> usize;
    /// Blocks of depth.
    fn blocks(&self) -> usize;
    /// Numbers in this block: whole words, the last of which may be padded with zeros.
    fn depth_of(&self, block: usize) -> usize;
    /// Where rows find their words.
    fn places(&self, rows: Range<usize>) -> Places {
        Places::dense(rows)
    }
    /// Words of working space for [`Factors::rows`].
    fn gathered(&self, places: &Places) -> usize;
    /// The rows' words of one block of depth.
    fn rows<'a>(&'a self, block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a>;
    /// The weight.
    fn weight(&self) -> &Weight;
    /// Whether panels hold the weight's own numbers.
    fn takes_numbers_as_they_are(&self) -> bool {
        true
    }
    /// Where its panels stay, if they do.
    fn kept(&self) -> Option<&Kept> {
        None
    }
    /// Working space for [`Factors::panel`].
    fn space(&self) -> usize {
        self.depth() * panel::ROWS
    }
    /// Fills `panel [depth_of(block)][PANEL]` with numbers of the weight.
    fn panel(&self, block: usize, outputs: Outputs, space: &mut [f32], panel: &mut [f32]) {
        self.panel_of(self.weight(), block, outputs, space, panel);
    }
    /// Finishes the sums `[parts][units][PANEL]` of some units and writes them to `out`.
    ///
    /// # Safety
    /// Units and outputs are this task's alone.
    unsafe fn write(
        &self,
        finish: &Finish<'_>,
        sums: &mut [f32],
        (units, at): (Range<usize>, Outputs),
        out: &Strips<'_>,
    ) {
        // SAFETY: the caller's promise.
        unsafe { finish.write(sums, units.start, at, out) }
    }
    /// The same of another weight of as many inputs; `space` holds [`panel::ROWS`] of its rows.
    fn panel_of(&self, weight: &Weight, block: usize, outputs: Outputs, space: &mut [f32], panel: &mut [f32]);
}

/// Where tasks find the words of panels.
#[derive(Clone, Copy)]
enum Panels<'a> {
    /// Where they stay from run to run; each task makes those that do not.
    Kept(&'a Kept),
    /// `[blocks of depth][panels]`, made once for all rows.
    Made(&'a [f32]),
    /// Each task makes those that no other needs.
    InTasks,
}

/// Words of one panel of a block of depth.
fn panel_words(factors: &impl Factors, block: usize) -> usize {
    factors.depth_of(block) / factors.arithmetic().numbers() * PANEL
}

/// Words of `panels` panels, in all blocks.
fn all_words(factors: &impl Factors, panels: usize) -> usize {
    (0..factors.blocks()).map(|block| panel_words(factors, block) * panels).sum()
}

/// Words of the panels that are made before the tasks, for a value of this shape.
pub(super) fn made_words(factors: &impl Factors, shape: Shape, is_geglu: bool) -> usize {
    let panels = shape.channels.div_ceil(Outputs::width(is_geglu));
    let units = factors.units(shape);
    let is_shared = Tiling::choose(units, panels, factors).units < units;
    if factors.kept().is_none() && is_shared { all_words(factors, panels) } else { 0 }
}

/// Makes all panels, on all threads.
fn make_all(
    factors: &impl Factors,
    outputs: impl Fn(usize) -> Outputs + Sync,
    panels: usize,
    out: &mut [f32],
) {
    let mut rest = out;
    for block in 0..factors.blocks() {
        let (made, after) = std::mem::take(&mut rest).split_at_mut(panel_words(factors, block) * panels);
        rest = after;
        made.par_chunks_mut(panel_words(factors, block)).enumerate().for_each(|(panel, made)| {
            scratch::lend([factors.depth_of(block) * PANEL, factors.space()], |[weights, space]| {
                made.copy_from_slice(make_panel(factors, block, outputs(panel), [weights, space]));
            });
        });
    }
}

/// Makes a panel's words in the first of two working spaces.
fn make_panel<'a>(
    factors: &impl Factors,
    block: usize,
    outputs: Outputs,
    [weights, space]: [&'a mut [f32]; 2],
) -> &'a [f32] {
    let weights = &mut weights[..factors.depth_of(block) * PANEL];
    factors.panel(block, outputs, space, weights);
    if factors.arithmetic().is_in_pairs() {
        bf16::pair_rows(weights);
    }
    &weights[..weights.len() / factors.arithmetic().numbers()]
}

/// Room for all panels of the weight.
pub(super) fn room(factors: &impl Factors, outputs: usize, is_geglu: bool) -> Kept {
    let words = (0..factors.blocks()).map(|block| panel_words(factors, block));
    let is_exact = factors.takes_numbers_as_they_are() && factors.weight().reads_halves();
    let form = if is_exact && !factors.arithmetic().is_in_pairs() { Form::Halves } else { Form::Words };
    Kept::new(words, outputs.div_ceil(Outputs::width(is_geglu)), form)
}

/// How the outputs are cut into tasks.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    units: usize,
    panels: usize,
}

impl Tiling {
    /// The largest tiles that still leave every thread enough of them.
    fn choose(units: usize, panels: usize, factors: &impl Factors) -> Self {
        let (wanted, pixels) = (TASKS * rayon::current_num_threads(), factors.pixels());
        let mut tiling =
            Self { units: units.min(factors.most_units()), panels: panels.min(factors.most_panels()) };
        while tiling.tasks(units, panels) < wanted {
            match tiling {
                Self { panels: 3.., .. } => tiling.panels -= 1,
                Self { units, .. } if units * pixels > 128 => tiling.units = units.div_ceil(2),
                Self { panels: 2, .. } => tiling.panels = 1,
                Self { units, .. } if units * pixels > 64 => tiling.units = units.div_ceil(2),
                _ => break,
            }
        }
        tiling
    }

    fn tasks(self, units: usize, panels: usize) -> usize {
        units.div_ceil(self.units) * panels.div_ceil(self.panels)
    }
}

/// Computes all of `turn`'s value.
pub(super) fn run(factors: &impl Factors, finish: &Finish<'_>, turn: &Turn<'_>, out: &mut [f32]) {
    let job = Job {
        factors,
        finish,
        turn,
        panels: turn.shape.channels.div_ceil(Outputs::width(finish.is_geglu())),
    };
    let made = made_words(factors, turn.shape, finish.is_geglu());
    match factors.kept() {
        Some(kept) => job.run(Panels::Kept(kept), out),
        None if made == 0 => job.run(Panels::InTasks, out),
        None => scratch::lend_to_node(OfNode::Panels, made, |made| {
            make_all(factors, |panel| job.outputs(panel), job.panels, made);
            job.run(Panels::Made(made), out);
        }),
    }
}

/// One value's product.
struct Job<'a, F> {
    factors: &'a F,
    finish: &'a Finish<'a>,
    turn: &'a Turn<'a>,
    panels: usize,
}

impl<F: Factors> Job<'_, F> {
    fn outputs(&self, panel: usize) -> Outputs {
        Outputs::nth(panel, self.turn.shape.channels, self.finish.is_geglu())
    }

    fn run(&self, panels: Panels<'_>, out: &mut [f32]) {
        let units = self.factors.units(self.turn.shape);
        let tiling = Tiling::choose(units, self.panels, self.factors);
        let out = Strips::of(out, self.turn.shape.channels);
        let bands = self.panels.div_ceil(tiling.panels);
        (0..tiling.tasks(units, self.panels)).into_par_iter().for_each(|task| {
            let (first, first_panel) = (task / bands * tiling.units, task % bands * tiling.panels);
            let tile = Tile {
                units: first..(first + tiling.units).min(units),
                panels: first_panel..(first_panel + tiling.panels).min(self.panels),
            };
            tile.run(self, panels, &out);
        });
    }

    /// Adds every part's product to its sums.
    fn multiply(&self, panel: usize, words: &[f32], rows: &Rows<'_>, (sums, more): (&mut [f32], bool)) {
        let (columns, parts) = (self.outputs(panel).columns(), self.factors.parts());
        let each = words.len() / parts;
        // Sums that are made of one part take all of it at once.
        let at_once = if parts > 1 { RUN.min(rows.run) } else { rows.run };
        let step = at_once * rows.taps.len() * PANEL;
        for (part, panel) in words.chunks_exact(each).enumerate() {
            let sums = &mut sums[part * rows.starts.len() * PANEL..];
            for (first, panel) in (0..rows.run).step_by(at_once).zip(panel.chunks(step)) {
                let run = at_once.min(rows.run - first);
                let rows = Rows { words: &rows.words[part * rows.part + first..], run, ..*rows };
                self.factors.arithmetic().multiply(columns, panel, &rows, (sums, more || first > 0));
            }
        }
    }

    /// A panel's words; `spaces` are for those that are made now.
    fn panel<'a>(
        &self,
        panels: Panels<'a>,
        (block, panel): (usize, usize),
        spaces: [&'a mut [f32]; 2],
    ) -> &'a [f32] {
        let (factors, outputs) = (self.factors, self.outputs(panel));
        match panels {
            Panels::Kept(kept) if kept.has(block) => kept.panel(
                (block, panel),
                spaces,
                |spaces| make_panel(factors, block, outputs, spaces),
                || factors.weight().release(),
            ),
            Panels::Kept(_) | Panels::InTasks => make_panel(factors, block, outputs, spaces),
            Panels::Made(words) => {
                let before: usize =
                    (0..block).map(|block| panel_words(self.factors, block) * self.panels).sum();
                let words_of_one = panel_words(self.factors, block);
                &words[before + panel * words_of_one..][..words_of_one]
            }
        }
    }
}

/// Words of the sums of a panel.
fn sums_of(factors: &impl Factors, units: usize) -> usize {
    factors.parts() * units.max(2) * PANEL
}

/// Words that a task takes to make a panel.
fn panel_spaces(factors: &impl Factors) -> [usize; 2] {
    [factors.depth().next_multiple_of(2) * PANEL, factors.space()]
}

/// Words that a thread works in at the most.
pub(super) fn thread_words(factors: &impl Factors, shape: Shape, is_geglu: bool) -> usize {
    let panels = shape.channels.div_ceil(Outputs::width(is_geglu));
    let units = factors.units(shape);
    let tiling = Tiling::choose(units, panels, factors);
    let held = if factors.blocks() == 1 { 1 } else { tiling.panels };
    let gathered = factors.gathered(&Places::dense(0..tiling.units));
    panel_spaces(factors).iter().sum::<usize>() + sums_of(factors, tiling.units) * held + gathered
}

/// One task's share of the outputs.
struct Tile {
    units: Range<usize>,
    panels: Range<usize>,
}

impl Tile {
    fn run<F: Factors>(&self, job: &Job<'_, F>, panels: Panels<'_>, out: &Strips<'_>) {
        let (factors, units) = (job.factors, self.units.len());
        let (places, panel_len) = (factors.places(self.units.clone()), sums_of(factors, units));
        let makes = if let Panels::Made(_) = panels { [0; 2] } else { panel_spaces(factors) };
        let held = if factors.blocks() == 1 { 1 } else { self.panels.len() };
        let lengths = [makes[0], makes[1], panel_len * held, factors.gathered(&places)];
        scratch::lend(lengths, |[weights, space, sums, gathered]| {
            if factors.blocks() == 1 {
                let ready = factors.rows(0, &places, gathered);
                return self.run_at_once(job, &ready, panels, ([weights, space, sums], out));
            }
            for block in 0..factors.blocks() {
                if job.turn.cancelled() {
                    return;
                }
                let ready = factors.rows(block, &places, gathered);
                for (panel, sums) in self.panels.clone().zip(sums.chunks_exact_mut(panel_len)) {
                    let words = job.panel(panels, (block, panel), [&mut *weights, &mut *space]);
                    job.multiply(panel, words, &ready, (sums, block > 0));
                }
            }
            for (panel, sums) in self.panels.clone().zip(sums.chunks_exact_mut(panel_len)) {
                self.write(job, panel, sums, out);
            }
        });
    }

    /// Where all of the depth is one block, every panel's sums are finished before the next one's.
    fn run_at_once<F: Factors>(
        &self,
        job: &Job<'_, F>,
        rows: &Rows<'_>,
        panels: Panels<'_>,
        ([weights, space, sums], out): ([&mut [f32]; 3], &Strips<'_>),
    ) {
        for panel in self.panels.clone() {
            if job.turn.cancelled() {
                return;
            }
            let words = job.panel(panels, (0, panel), [&mut *weights, &mut *space]);
            job.multiply(panel, words, rows, (&mut *sums, false));
            self.write(job, panel, sums, out);
        }
    }

    fn write<F: Factors>(&self, job: &Job<'_, F>, panel: usize, sums: &mut [f32], out: &Strips<'_>) {
        let sums = &mut sums[..job.factors.parts() * self.units.len() * PANEL];
        // SAFETY: no two tiles share both a unit and a panel.
        unsafe { job.factors.write(job.finish, sums, (self.units.clone(), job.outputs(panel)), out) };
    }
}
