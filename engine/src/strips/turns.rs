//! The strips of all phases in the order in which they are run, with what each needs and lets go.

use std::collections::HashMap;
use std::ops::Range;

use super::bands::{BandId, Make, Read, within};
use super::heights::{Height, cuts};
use super::part::{Part, Strip};
use super::phases::Phases;
use super::reach::{all, is_beside};
use crate::Result;
use crate::graph::{Graph, NodeId, Op};

/// One strip's turn.
pub(super) struct Turn {
    pub(super) phase: usize,
    /// The place of its graph.
    pub(super) program: usize,
    pub(super) reads: Vec<Read>,
    /// What the program makes, in the order of its outputs.
    pub(super) makes: Vec<Make>,
    /// Moments of which this was the last strip.
    pub(super) merges: Vec<NodeId>,
    /// Bands that no turn reads after this one.
    pub(super) drops: Vec<BandId>,
    pub(super) bytes: TurnBytes,
}

/// Bytes of this machine's memory that a turn takes and gives back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TurnBytes {
    /// What is put together for it of several bands, or of a part of one.
    pub(super) copied: u64,
    /// What it makes.
    pub(super) made: u64,
    /// What is not needed any more after it.
    pub(super) freed: u64,
}

/// All turns, and the graphs that they run.
pub(super) struct Turns {
    pub(super) turns: Vec<Turn>,
    pub(super) graphs: Vec<Graph>,
}

/// Bytes of some rows of a value.
fn bytes(graph: &Graph, value: NodeId, rows: usize) -> u64 {
    let shape = graph.node(value).shape;
    let rows = if is_beside(graph, value) { 1 } else { rows };
    (rows * shape.width * shape.channels * size_of::<f32>()) as u64
}

impl Turns {
    pub(super) fn plan(graph: &Graph, height: Height) -> Result<Self> {
        let phases = Phases::of(graph)?;
        let (mut turns, mut graphs) = (vec![], vec![]);
        for (phase, cut) in cuts(graph, &phases, height)?.iter().enumerate() {
            // Strips of this phase that have other graphs than those before them.
            let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
            for strip in 0..cut.strips() {
                let own = |height: usize| cut.rows(height, strip);
                let Strip { graph: part, reads, makes, geometry } = Part::strip(graph, &phases, phase, own)?;
                let program = *known.entry(geometry).or_insert_with(|| {
                    graphs.push(part);
                    graphs.len() - 1
                });
                let is_last = strip + 1 == cut.strips();
                let merges = makes.iter().map(|make| make.value).filter(|&value| is_beside(graph, value));
                let merges = if is_last { merges.collect() } else { vec![] };
                let (drops, bytes) = (vec![], TurnBytes::default());
                turns.push(Turn { phase, program, reads, makes, merges, drops, bytes });
            }
        }
        let mut planned = Self { turns, graphs };
        let bands = planned.bands(graph);
        planned.count(graph, &bands);
        planned.let_go(graph, &bands);
        Ok(planned)
    }

    /// The rows of every band, by its value.
    fn bands(&self, graph: &Graph) -> Vec<Vec<Range<usize>>> {
        let mut bands: Vec<Vec<Range<usize>>> = vec![vec![]; graph.nodes().len()];
        for make in self.turns.iter().flat_map(|turn| &turn.makes) {
            bands[make.value].push(make.rows.clone());
        }
        bands
    }

    /// Counts what each turn takes.
    fn count(&mut self, graph: &Graph, bands: &[Vec<Range<usize>>]) {
        for turn in &mut self.turns {
            // A band itself, or all that the caller gives.
            let is_there = |read: &&Read| {
                let (node, bands) = (graph.node(read.value), &bands[read.value]);
                let parts = within(&read.rows, node.shape.height);
                read.rows == all(node) && bands.len() < 2 || parts.len() == 1 && bands.contains(&parts[0])
            };
            let copied = turn.reads.iter().filter(|read| !is_there(read));
            turn.bytes.copied = copied.map(|read| bytes(graph, read.value, read.rows.len())).sum();
            turn.bytes.made = turn.makes.iter().map(|make| bytes(graph, make.value, make.rows.len())).sum();
        }
    }

    /// Finds the turn after which each band is not needed any more.
    fn let_go(&mut self, graph: &Graph, bands: &[Vec<Range<usize>>]) {
        let mut last: HashMap<BandId, usize> = HashMap::new();
        for (at, turn) in self.turns.iter().enumerate() {
            for Read { value, rows, .. } in &turn.reads {
                let parts = within(rows, graph.node(*value).shape.height);
                let is_read = |band: &Range<usize>| {
                    parts.iter().any(|part| part.start < band.end && band.start < part.end)
                };
                for (place, _) in bands[*value].iter().enumerate().filter(|(_, band)| is_read(band)) {
                    last.insert(BandId { value: *value, place }, at);
                }
            }
        }
        let goes = |value: NodeId| {
            !(is_beside(graph, value)
                || graph.outputs().contains(&value)
                || matches!(graph.node(value).op, Op::Input { .. }))
        };
        for (band, at) in last.into_iter().filter(|(band, _)| goes(band.value)) {
            let turn = &mut self.turns[at];
            turn.bytes.freed += bytes(graph, band.value, bands[band.value][band.place].len());
            turn.drops.push(band);
        }
    }
}
