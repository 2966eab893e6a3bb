//! How high the strips of each phase are.

use std::ops::Range;

use super::part::{Part, Strip};
use super::phases::Phases;
use super::reach::{Reach, is_beside};
use crate::Result;
use crate::graph::plan::{Keep, plan};
use crate::graph::{Graph, NodeId, Op};

/// What is said of the height of strips, in rows of the smallest value: the latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Height {
    /// That of all phases.
    Every(usize),
    /// That of the phase that then takes most; strips of others are higher as long as they take no more.
    Largest(usize),
}

/// How the values of a phase are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The height of the smallest of them.
    base: usize,
    /// Rows of that in a strip.
    step: usize,
}

impl Cut {
    pub(super) fn strips(&self) -> usize {
        self.base.div_ceil(self.step)
    }

    /// The rows of a value of this height that a strip makes.
    pub(super) fn rows(&self, height: usize, strip: usize) -> Range<usize> {
        let row = |strip: usize| (strip * self.step * height).div_ceil(self.base).min(height);
        row(strip)..row(strip + 1)
    }

    /// With twice as high strips.
    fn doubled(&self) -> Self {
        Self { step: (2 * self.step).min(self.base), ..*self }
    }
}

/// The cut of every phase.
pub(super) fn cuts(graph: &Graph, phases: &Phases, height: Height) -> Result<Vec<Cut>> {
    let bases: Vec<usize> = (0..phases.count).map(|phase| base(graph, phases, phase)).collect();
    let inputs = graph.nodes().iter().filter(|node| matches!(node.op, Op::Input { .. }));
    let smallest = inputs.map(|node| node.shape.height).chain(bases.iter().copied()).min().unwrap_or(1);
    let cut = |rows: usize, (phase, &base): (usize, &usize)| {
        let whole = phases.nodes(graph, phase).iter().any(|&id| phases.reaches[id] == Reach::Whole);
        Cut { base, step: if whole { base } else { (rows * base / smallest).clamp(1, base) } }
    };
    match height {
        Height::Every(rows) => Ok(bases.iter().enumerate().map(|phase| cut(rows, phase)).collect()),
        Height::Largest(rows) => {
            raised(graph, phases, bases.iter().enumerate().map(|phase| cut(rows, phase)).collect())
        }
    }
}

/// The same with strips as high as take no more than the largest of these.
fn raised(graph: &Graph, phases: &Phases, mut cuts: Vec<Cut>) -> Result<Vec<Cut>> {
    let takes = |phase: usize, cut: &Cut| takes(graph, phases, phase, cut);
    let in_strips = cuts.iter().enumerate().filter(|(_, cut)| cut.step < cut.base);
    let most = in_strips.map(|(phase, cut)| takes(phase, cut)).collect::<Result<Vec<_>>>()?;
    let most = most.into_iter().max().unwrap_or(0);
    for (phase, cut) in cuts.iter_mut().enumerate() {
        while cut.step < cut.base && takes(phase, &cut.doubled())? <= most {
            *cut = cut.doubled();
        }
    }
    Ok(cuts)
}

/// Numbers that a strip within a picture takes, with what it is given and what it makes.
fn takes(graph: &Graph, phases: &Phases, phase: usize, cut: &Cut) -> Result<usize> {
    let strip = usize::from(cut.strips() > 2);
    let Strip { graph, .. } = Part::strip(graph, phases, phase, |height| cut.rows(height, strip))?;
    let numbers = |id: NodeId| graph.node(id).shape.len();
    let outputs: usize = graph.outputs().iter().map(|&id| numbers(id)).sum();
    Ok(plan(&graph, |id| numbers(id) as u64, Keep::Nothing, |_| false).peak() as usize + outputs)
}

/// The least height of what a phase makes.
fn base(graph: &Graph, phases: &Phases, phase: usize) -> usize {
    let heights = phases.made(graph, phase).into_iter().map(|value| {
        let shown = if is_beside(graph, value) { graph.node(value).inputs[0] } else { value };
        graph.node(shown).shape.height
    });
    heights.min().unwrap_or(1)
}
