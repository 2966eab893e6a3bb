//! Latent consistency models (Luo et al. 2023, arXiv 2310.04378), as diffusers' `LCMScheduler`: x₀ as the consistency
//! function has it, and fresh noise of the next level on top.

use super::steps::{Steps, add_noise, deviation, each};
use super::{Call, Sampler};
use crate::noise::Noise;

/// Deviation of the data, and what timesteps are multiplied by, in the function's boundary condition.
const DATA: f64 = 0.5;
const TIMESTEP_SCALE: f64 = 10.0;

pub(super) struct Lcm {
    pub(super) steps: Steps,
}

impl Sampler for Lcm {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise) {
        let (sigma, next) = self.steps.sigmas();
        let t = TIMESTEP_SCALE * f64::from(self.steps.schedule.timesteps[self.steps.done]);
        let skip = DATA * DATA / (t * t + DATA * DATA) / deviation(sigma);
        let out = t / t.hypot(DATA);
        each(latents, x0, |x, x0| skip * x + out * x0);
        if !self.steps.is_last() {
            add_noise(latents, &noise.normals(x0.len()), next);
        }
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
