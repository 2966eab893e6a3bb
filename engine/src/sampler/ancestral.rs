//! Euler's method with fresh noise, as diffusers' `EulerAncestralDiscreteScheduler`: down past the next level, to
//! √(σ'² − u²), and up again by noise of deviation u = η·σ'·√(σ² − σ'²) / σ. (k-diffusion's η; diffusers has 1.)

use super::steps::{Steps, add_noise, each};
use super::{Call, Sampler};
use crate::noise::Noise;

pub(super) struct EulerAncestral {
    pub(super) steps: Steps,
    pub(super) eta: f64,
}

impl Sampler for EulerAncestral {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise) {
        let (sigma, next) = self.steps.sigmas();
        let up = (self.eta * next * (sigma * sigma - next * next).max(0.0).sqrt() / sigma).min(next);
        let down = (next * next - up * up).sqrt();
        each(latents, x0, |x, x0| x0 + (x - x0) / sigma * down);
        if up > 0.0 {
            add_noise(latents, &noise.normals(x0.len()), up);
        }
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
