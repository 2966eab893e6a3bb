//! Where a sampler is in its schedule.

use super::Call;
use crate::schedule::Schedule;

/// The levels of a schedule, and how many of them are done.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    pub(super) timesteps: Vec<f32>,
    /// `[steps + 1]`
    pub(super) sigmas: Vec<f32>,
    pub(super) done: usize,
}

impl Steps {
    pub(super) fn new(schedule: &Schedule) -> Self {
        Self { timesteps: schedule.timesteps.clone(), sigmas: schedule.sigmas.clone(), done: 0 }
    }

    /// The level of the step that comes.
    pub(super) fn call(&self) -> Option<Call> {
        let timestep = *self.timesteps.get(self.done)?;
        Some(Call { timestep, sigma: self.sigmas[self.done] })
    }

    /// Noise before the step that comes, and after it.
    pub(super) fn sigmas(&self) -> (f32, f32) {
        (self.sigmas[self.done], self.sigmas[self.done + 1])
    }
}
