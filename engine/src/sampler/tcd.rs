//! Trajectory consistency distillation (Zheng et al. 2024, arXiv 2402.19159), as diffusers' `TCDScheduler`: DDIM's step
//! to below the next level, of whose timestep a share η is left out, and up to it by fresh noise.

use super::steps::{Steps, add_noise, deviation, each};
use super::{Call, Sampler};
use crate::noise::Noise;

pub(super) struct Tcd {
    pub(super) steps: Steps,
    pub(super) eta: f64,
}

impl Sampler for Tcd {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise) {
        let (sigma, next) = self.steps.sigmas();
        let is_last = self.steps.is_last();
        let timestep = self.steps.schedule.timesteps.get(self.steps.done + 1);
        let below = match timestep {
            Some(next) => self.steps.trained((1.0 - self.eta) * f64::from(*next)),
            None => self.steps.trained(0.0),
        };
        // Noise that is left at the end is not undone: the picture is the latents of variance 1.
        let kept = if is_last { 1.0 / deviation(below) } else { 1.0 };
        each(latents, x0, |x, x0| kept * (x0 + (x - x0) / sigma * below));
        if self.eta > 0.0 && !is_last {
            let up = (next * next - below * below).max(0.0).sqrt();
            add_noise(latents, &noise.normals(x0.len()), up);
        }
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
