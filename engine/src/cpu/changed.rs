//! Products with a weight that LoRAs change: differences of it that are products of two thin factors.
//!
//! Such a difference is added either beside the product, `(x · downᵀ) · upᵀ` as one more block of depth, while the
//! weight's own panels stay as they are from run to run; or to each panel that is made of the weight. Which of the two is
//! less work is a matter of the rows of one image: neither the batch nor the number of threads may change a bit.
//!
//! Twin: `reference::product`. NMSE ≤ 1e-12.

use std::ops::Range;

use super::arithmetic::Arithmetic;
use super::bf16;
use super::epilogue::Finish;
use super::kept::Kept;
use super::panel::{self, Depth, Outputs, PANEL};
use super::product::{self, Factors};
use super::rows::{Places, ROWS, Rows};
use super::value::Turn;
use crate::graph::Epilogue;
use crate::weights::{LowRank, Weight};

/// Computes all of `turn`'s value.
pub(super) fn run(factors: &impl Factors, finish: &Finish<'_>, turn: &Turn<'_>, out: &mut [f32]) {
    let (weight, differences) = factors.weight().split();
    if differences.is_empty() {
        return product::run(factors, finish, turn, out);
    }
    let is_beside = |difference: &LowRank<'_>| is_beside(difference, factors.depth(), turn.shape.pixels());
    let (beside, within) = differences.into_iter().partition(is_beside);
    let beside = Vec::into_iter(beside).map(|LowRank { up, down, factor }| {
        let thin = Changed { factors, weight: down, kept: None, within: vec![], beside: vec![] };
        let x = times(factor, down, turn, |finish, turn, out| product::run(&thin, finish, turn, out));
        Beside { x, up }
    });
    let kept = factors.kept().filter(|_| Vec::is_empty(&within));
    let changed = Changed { factors, weight: &weight, kept, within, beside: beside.collect() };
    product::run(&changed, finish, turn, out);
}

/// What it takes to make a panel of a weight that is changed within, where it could have been kept: as much as this many
/// multiplications for each of its numbers.
const MAKING: usize = 64;

/// Whether it takes less to multiply beside the product than within the panels, which are then made for each block of rows.
fn is_beside(difference: &LowRank<'_>, depth: usize, rows: usize) -> bool {
    let (outputs, inputs) = (difference.up.outputs(), difference.down.fan_in());
    let rank = difference.down.outputs();
    let is_less = rows * (inputs + outputs) * rank < rows.div_ceil(ROWS) * inputs * outputs * (rank + MAKING);
    is_less && rank <= depth
}

/// The weight whose panels can be kept for so many rows of an image: the one that differences are added to beside it. None
/// where its panels are others in every block.
pub(super) fn lasting(weight: &Weight, depth: usize, rows: usize) -> Option<Weight> {
    let (base, differences) = weight.split();
    let all_beside = differences.iter().all(|difference| is_beside(difference, depth, rows));
    (!base.is_changed() && all_beside).then_some(base)
}

/// `factor · x · downᵀ`, by what multiplies with `down`.
pub(super) fn times(
    factor: f32,
    down: &Weight,
    turn: &Turn<'_>,
    multiply: impl FnOnce(&Finish<'_>, &Turn<'_>, &mut [f32]),
) -> Vec<f32> {
    let turn = turn.with_channels(down.outputs());
    let mut out = vec![0.0; turn.shape.len()];
    multiply(&Finish::new(&Epilogue::default(), &turn), &turn, &mut out);
    out.iter_mut().for_each(|value| *value *= factor);
    out
}

/// The factors of a product with another weight, and with differences of it.
struct Changed<'a, F> {
    factors: &'a F,
    weight: &'a Weight,
    /// Where its panels stay, if they do.
    kept: Option<&'a Kept>,
    /// Those that are added to each panel.
    within: Vec<LowRank<'a>>,
    /// Those that are blocks of depth, the last ones.
    beside: Vec<Beside<'a>>,
}

/// A difference whose lower factor is multiplied already.
struct Beside<'a> {
    /// `[rows, rank]`.
    x: Vec<f32>,
    up: &'a Weight,
}

impl<F: Factors> Changed<'_, F> {
    fn beside(&self, block: usize) -> Option<&Beside<'_>> {
        block.checked_sub(self.factors.blocks()).map(|place| &self.beside[place])
    }

    /// Working space for a panel of the weight or of a factor of a difference.
    fn space_of_panel(&self) -> usize {
        self.factors.space().max(PANEL * panel::ROWS)
    }

    /// Adds a difference to a panel of the weight. `space` is that of a panel; a panel of each factor follows.
    fn add(
        &self,
        difference: &LowRank<'_>,
        block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        let LowRank { up, down, factor } = *difference;
        let (space, panels) = space.split_at_mut(self.space_of_panel());
        let (of_up, of_down) = panels.split_at_mut(PANEL * PANEL);
        for first in (0..down.outputs()).step_by(PANEL) {
            let ranks = Outputs { first, count: PANEL.min(down.outputs() - first), gate: None };
            self.factors.panel_of(down, block, ranks, space, of_down);
            let of_up = &mut of_up[..ranks.count * PANEL];
            panel::fill(up, outputs, Depth { start: first, count: ranks.count, place: |k| k }, space, of_up);
            of_up.iter_mut().for_each(|value| *value *= factor);
            let rows = Rows::dense(of_down, self.depth_of(block), PANEL, ranks.count);
            self.arithmetic().in_singles().multiply(outputs.columns(), of_up, &rows, (panel, true));
        }
    }
}

impl<F: Factors> Factors for Changed<'_, F> {
    fn arithmetic(&self) -> Arithmetic {
        self.factors.arithmetic()
    }

    fn depth(&self) -> usize {
        self.factors.depth()
    }

    fn blocks(&self) -> usize {
        self.factors.blocks() + self.beside.len()
    }

    fn depth_of(&self, block: usize) -> usize {
        let rank = |beside: &Beside<'_>| beside.up.fan_in().next_multiple_of(self.arithmetic().numbers());
        self.beside(block).map_or_else(|| self.factors.depth_of(block), rank)
    }

    fn places(&self, rows: Range<usize>) -> Places {
        self.factors.places(rows)
    }

    fn gathered(&self, places: &Places) -> usize {
        let ranks = self.beside.iter().map(|beside| beside.up.fan_in()).max().unwrap_or(0);
        let rounded =
            if self.arithmetic().is_in_pairs() { places.rows.len() * bf16::words(ranks) } else { 0 };
        self.factors.gathered(places).max(rounded)
    }

    fn rows<'a>(&'a self, block: usize, places: &'a Places, space: &'a mut [f32]) -> Rows<'a> {
        let Some(Beside { x, up }) = self.beside(block) else {
            return self.factors.rows(block, places, space);
        };
        let (rank, rows) = (up.fan_in(), places.rows.len());
        let x = &x[places.rows.start * rank..places.rows.end * rank];
        if !self.arithmetic().is_in_pairs() {
            return Rows::dense(x, rows, rank, rank);
        }
        let words = bf16::words(rank);
        bf16::round_rows(x, rank, &mut space[..rows * words]);
        Rows::dense(space, rows, words, words)
    }

    fn weight(&self) -> &Weight {
        self.weight
    }

    fn kept(&self) -> Option<&Kept> {
        self.kept
    }

    fn space(&self) -> usize {
        match self.within[..] {
            [] => self.factors.space(),
            _ => self.space_of_panel() + PANEL * PANEL + self.depth().next_multiple_of(2) * PANEL,
        }
    }

    fn panel(&self, block: usize, outputs: Outputs, space: &mut [f32], panel: &mut [f32]) {
        if let Some(Beside { up, .. }) = self.beside(block) {
            let (used, padding) = panel.split_at_mut(up.fan_in() * PANEL);
            padding.fill(0.0);
            let depth = Depth { start: 0, count: up.fan_in(), place: |k| k };
            return panel::fill(up, outputs, depth, space, used);
        }
        self.panel_of(self.weight, block, outputs, space, panel);
        for difference in &self.within {
            self.add(difference, block, outputs, space, panel);
        }
    }

    fn panel_of(
        &self,
        weight: &Weight,
        block: usize,
        outputs: Outputs,
        space: &mut [f32],
        panel: &mut [f32],
    ) {
        self.factors.panel_of(weight, block, outputs, space, panel);
    }
}
