//! DDIM (Song et al. 2020, arXiv 2010.02502), as diffusers' `DDIMScheduler` without clipping: x₀ and ε of the prediction
//! mixed anew for the level below, of whose noise a share η is fresh.

use super::steps::{Steps, add_noise, deviation, each};
use super::{Call, Sampler};
use crate::noise::Noise;

pub(super) struct Ddim {
    pub(super) steps: Steps,
    pub(super) eta: f64,
}

impl Sampler for Ddim {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise) {
        let (sigma, _) = self.steps.sigmas();
        let after = f64::from(self.steps.schedule.after[self.steps.done]);
        // Equation 16, for latents x₀ + σ·ε; the published form divides by √(σ² + 1).
        let up = self.eta * after * (sigma * sigma - after * after).max(0.0).sqrt() / sigma;
        let down = (after * after - up * up).max(0.0).sqrt();
        let kept = self.steps.kept() / deviation(after);
        each(latents, x0, |x, x0| kept * (x0 + (x - x0) / sigma * down));
        if self.eta > 0.0 {
            add_noise(latents, &noise.normals(x0.len()), kept * up);
        }
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
