//! Where a sampler is in its schedule, and the numbers of a level.

use super::Call;
use crate::schedule::Schedule;

/// The levels of a schedule, and how many of them are done.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    pub(super) schedule: Schedule,
    pub(super) done: usize,
}

impl Steps {
    /// `done` steps are left out: a picture is there already, with the noise of the level that follows.
    pub(super) fn new(schedule: &Schedule, done: usize) -> Self {
        Self { schedule: schedule.clone(), done }
    }

    pub(super) fn len(&self) -> usize {
        self.schedule.timesteps.len()
    }

    /// The level of the step that comes.
    pub(super) fn call(&self) -> Option<Call> {
        self.call_of(self.done)
    }

    /// The level of a step.
    pub(super) fn call_of(&self, step: usize) -> Option<Call> {
        let timestep = *self.schedule.timesteps.get(step)?;
        Some(Call { timestep, sigma: self.schedule.sigmas[step] })
    }

    /// Noise before the step that comes, and after it.
    pub(super) fn sigmas(&self) -> (f64, f64) {
        (self.sigma(self.done), self.sigma(self.done + 1))
    }

    /// Noise before this step.
    pub(super) fn sigma(&self, step: usize) -> f64 {
        f64::from(self.schedule.sigmas[step])
    }

    /// Whether the step that comes is the last.
    pub(super) fn is_last(&self) -> bool {
        self.done + 1 == self.len()
    }

    /// σ of training at a level, of which only the whole part counts.
    pub(super) fn trained(&self, level: f64) -> f64 {
        let train = &self.schedule.train;
        f64::from(train[(level.max(0.0) as usize).min(train.len() - 1)])
    }

    /// What the latents of variance 1 after this step are multiplied by to be kept as x₀ + σ·ε. Noise that is left
    /// at the end is not undone: the picture is the latents of variance 1.
    pub(super) fn kept(&self) -> f64 {
        if self.is_last() { 1.0 } else { deviation(self.sigma(self.done + 1)) }
    }
}

/// √(σ² + 1): what latents of variance 1 are multiplied by to be x₀ + σ·ε.
pub(super) fn deviation(sigma: f64) -> f64 {
    sigma.hypot(1.0)
}

/// Sets every latent to `f(x, x₀)`, in doubles.
pub(super) fn each(latents: &mut [f32], x0: &[f32], f: impl Fn(f64, f64) -> f64) {
    for (x, &x0) in latents.iter_mut().zip(x0) {
        *x = f(f64::from(*x), f64::from(x0)) as f32;
    }
}

/// Adds noise of deviation `sigma`.
pub(super) fn add_noise(latents: &mut [f32], noise: &[f32], sigma: f64) {
    for (x, &noise) in latents.iter_mut().zip(noise) {
        *x = (f64::from(*x) + sigma * f64::from(noise)) as f32;
    }
}
