//! Times the kernels that a device has for the nodes of graphs, so that the fastest can be kept.
//!
//! Every distinct piece of work is measured once, as a graph of one node, what takes most time in the given graphs first,
//! until the time is up. A kernel takes the place of the rules' only where it is faster by more than the times of both
//! differ from run to run.

mod alone;
mod decide;
mod timed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::device::Facts;
use super::kernel_table::{KernelName, KernelTable, MANY_ROWS};
use super::lowering::{Chosen, Lowering};
use super::program::facts_for;
use super::timing::Timer;
use super::work::Work;
use super::{GpuBackend, Shared};
use crate::backend::{CancelToken, Clock};
use crate::graph::Graph;
use crate::{Error, Result};
pub use decide::chosen_kernels;

/// Kernels of one kind that are tried for a node: those behind them in their core's own order are never the fastest.
const OF_A_KIND: usize = 4;

/// A kernel, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// Which.
    pub kernel: KernelName,
    /// The least of all runs, which no other work has disturbed.
    pub seconds: f64,
    /// By what share the middle one of all runs took longer.
    pub noise: f64,
}

/// The kernels for some work, timed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What they compute.
    pub work: Work,
    /// How often the graphs do.
    pub nodes: usize,
    /// The one of the rules first.
    pub kernels: Vec<Timed>,
}

/// What came of tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Whose clock was read.
    pub clock: Clock,
    /// What takes most time first.
    pub measured: Vec<Measured>,
    /// Pieces of work for which there was no time.
    pub left: usize,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct TuningProgress<'a> {
    /// Pieces of work that are done.
    pub done: usize,
    /// All of them.
    pub total: usize,
    /// The one that is measured next.
    pub next: &'a Work,
}

/// A piece of work, and where a graph has it.
struct Piece<'a> {
    graph: &'a Graph,
    facts: Facts,
    chosen: Chosen,
    nodes: usize,
}

impl GpuBackend {
    /// Times the kernels for every distinct product, convolution and attention of some graphs, for so long at the most.
    /// What was measured before is left out of account, and changes nothing here.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or [`Error::Device`] where the device fails at what it would do without this.
    pub fn tune(
        &self,
        graphs: &[Graph],
        budget: Duration,
        progress: &mut dyn FnMut(TuningProgress<'_>),
        cancel: &CancelToken,
    ) -> Result<Tuned> {
        let until = Instant::now() + budget;
        let pieces = pieces(&self.shared, graphs)?;
        let timer = Timer::new(&self.shared.device)?;
        let mut tuned = Tuned { clock: timer.clock(), measured: vec![], left: 0 };
        for (done, piece) in pieces.iter().enumerate() {
            if Instant::now() >= until {
                tuned.left = pieces.len() - done;
                break;
            }
            progress(TuningProgress { done, total: pieces.len(), next: &piece.chosen.work });
            tuned.measured.extend(piece.measure(&self.shared, until, &timer, cancel)?);
        }
        Ok(tuned)
    }
}

/// All distinct ones, what takes most time first.
fn pieces<'a>(shared: &Shared, graphs: &'a [Graph]) -> Result<Vec<Piece<'a>>> {
    let mut pieces: Vec<Piece<'a>> = vec![];
    let mut places = HashMap::new();
    for graph in graphs {
        let facts = Facts { kernels: Arc::default(), ..facts_for(shared, graph) };
        for mut chosen in Lowering::run(graph, &facts)?.chosen {
            chosen.work.rows = chosen.work.rows.min(MANY_ROWS);
            chosen.candidates = few_of_each_kind(chosen.candidates);
            let place = *places.entry(chosen.work).or_insert(pieces.len());
            if place == pieces.len() {
                pieces.push(Piece { graph, facts: facts.clone(), chosen, nodes: 0 });
            }
            pieces[place].nodes += 1;
        }
    }
    pieces.retain(|piece| piece.chosen.candidates.len() > 1);
    let whole = |piece: &Piece<'_>| piece.chosen.work.flops() * piece.nodes as f64;
    pieces.sort_by(|a, b| whole(b).total_cmp(&whole(a)));
    Ok(pieces)
}

fn few_of_each_kind(candidates: Vec<KernelName>) -> Vec<KernelName> {
    let mut counts = HashMap::new();
    let mut is_one = |name: &KernelName| {
        let count = counts.entry(name.kind()).or_insert(0);
        *count += 1;
        *count <= OF_A_KIND
    };
    candidates.into_iter().filter(|name| is_one(name)).collect()
}

impl Piece<'_> {
    /// Times its kernels; `None` where the device has no memory for it by itself.
    fn measure(
        &self,
        shared: &Arc<Shared>,
        until: Instant,
        timer: &Timer<'_>,
        cancel: &CancelToken,
    ) -> Result<Option<Measured>> {
        let graph = Arc::new(alone::alone(self.graph, self.chosen.node));
        let mut programs = vec![];
        for name in &self.chosen.candidates {
            cancel.check()?;
            let mut kernels = KernelTable::default();
            kernels.insert(&self.chosen.work, name);
            let facts = Facts { kernels: Arc::new(kernels), ..self.facts.clone() };
            match timed::Candidate::new(shared, &graph, &facts, name) {
                Ok(program) => programs.push(program),
                Err(Error::Memory { .. }) => return Ok(None),
                // What the rules choose must run; what a driver refuses besides is no candidate.
                Err(error) if programs.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        let kernels = timed::race(programs, until, timer, cancel)?;
        Ok(Some(Measured { work: self.chosen.work, nodes: self.nodes, kernels }))
    }
}
