//! Euler's method, as diffusers' `EulerDiscreteScheduler` without churn: along the line from x to x₀ down to the next
//! level, x + (x − x₀) / σ · (σ' − σ). In f32 and in torch's order, for the same bits.

use super::steps::Steps;
use super::{Call, Sampler};
use crate::noise::Noise;

pub(super) struct Euler {
    pub(super) steps: Steps,
}

impl Sampler for Euler {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], _: &mut Noise) {
        let [sigma, next, ..] = self.steps.schedule.sigmas[self.steps.done..] else { return };
        let down = next - sigma;
        for (x, x0) in latents.iter_mut().zip(x0) {
            let slope = (*x - x0) / sigma;
            *x += slope * down;
        }
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
