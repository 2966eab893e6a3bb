//! Kernels that race.

use std::sync::Arc;
use std::time::Instant;

use super::Timed;
use crate::backend::{CancelToken, HostTensor};
use crate::gpu::Shared;
use crate::gpu::device::Facts;
use crate::gpu::kernel_table::KernelName;
use crate::gpu::profile::launches;
use crate::gpu::program::GpuProgram;
use crate::gpu::timing::Timer;
use crate::graph::{Graph, Op};
use crate::{Error, Result};

/// Rounds at the most and at the least.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=9;

/// Seconds for all rounds of one piece of work: shorter work runs more often.
const SECONDS: f64 = 0.05;

/// A kernel that took so many times longer than the fastest has lost.
const LOST: f64 = 1.5;

/// A graph made ready for one of its kernels.
pub(super) struct Candidate {
    name: KernelName,
    program: GpuProgram,
    seconds: Vec<f64>,
}

impl Candidate {
    /// Ready but for its pipelines, which threads make from now on.
    pub(super) fn new(
        shared: &Arc<Shared>,
        graph: &Arc<Graph>,
        facts: &Facts,
        name: &KernelName,
    ) -> Result<Self> {
        let program = GpuProgram::compile_for(shared.clone(), graph.clone(), facts)?;
        Ok(Self { name: name.clone(), program, seconds: vec![] })
    }

    /// Fills the inputs, and runs once to be warm.
    fn begin(&mut self, timer: &Timer<'_>, cancel: &CancelToken) -> Result<()> {
        self.program.await_pipelines(cancel)?;
        let shared = self.program.shared.clone();
        let mut pool = shared.lock_pool();
        self.program.bind(&mut pool)?;
        for (id, node) in self.program.graph.nodes().iter().enumerate() {
            if matches!(node.op, Op::Input { .. }) {
                let numbers = (0..node.shape.len()).map(|place| (place % 251) as f32 / 125.0 - 1.0);
                self.program.upload(&pool, id, &HostTensor::f32(node.shape, numbers.collect()))?;
            }
        }
        timer.run(&launches(&self.program.steps)?, cancel).map(drop)
    }

    /// Runs once more.
    fn run(&mut self, timer: &Timer<'_>, cancel: &CancelToken) -> Result<()> {
        let shared = self.program.shared.clone();
        let mut pool = shared.lock_pool();
        self.program.bind(&mut pool)?;
        let seconds = timer.run(&launches(&self.program.steps)?, cancel)?;
        self.seconds.push(seconds.iter().sum());
        Ok(())
    }

    fn least(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn timed(mut self) -> Timed {
        let seconds = self.least();
        self.seconds.sort_by(f64::total_cmp);
        let middle = self.seconds[self.seconds.len() / 2];
        Timed { kernel: self.name, seconds, noise: middle / seconds.max(f64::MIN_POSITIVE) - 1.0 }
    }
}

/// Runs all in turn, so that whatever disturbs the device disturbs each, and drops those that have lost; the first stays.
/// Once the time is up, what has run once is enough.
pub(super) fn race(
    candidates: Vec<Candidate>,
    until: Instant,
    timer: &Timer<'_>,
    cancel: &CancelToken,
) -> Result<Vec<Timed>> {
    let mut running = vec![];
    for (place, mut candidate) in candidates.into_iter().enumerate() {
        match candidate.begin(timer, cancel) {
            Ok(()) => running.push(candidate),
            Err(error) if place == 0 || matches!(error, Error::Cancelled) => return Err(error),
            // A driver that cannot compile it, or runs it wrongly, has one kernel less.
            Err(_) => {}
        }
    }
    let mut lost = vec![];
    for round in 0..*ROUNDS.end() {
        let spent: f64 = running.iter().flat_map(|candidate| &candidate.seconds).sum();
        let is_enough = round >= *ROUNDS.start() && spent > SECONDS;
        if is_enough || round > 0 && Instant::now() >= until {
            break;
        }
        for candidate in &mut running {
            candidate.run(timer, cancel)?;
        }
        let best = running.iter().map(Candidate::least).fold(f64::INFINITY, f64::min);
        let slow = |candidate: &Candidate| candidate.least() > LOST * best;
        while let Some(place) = running.iter().skip(1).position(slow) {
            lost.push(running.remove(place + 1));
        }
    }
    Ok(running.into_iter().chain(lost).map(Candidate::timed).collect())
}
