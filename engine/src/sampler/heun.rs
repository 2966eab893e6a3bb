//! Heun's method, as diffusers' `HeunDiscreteScheduler`: a step of Euler's, a look at the slope where it ends, and the
//! step again along the mean of both slopes. The last step is Euler's.

use super::steps::{Steps, each};
use super::{Call, Sampler};
use crate::noise::Noise;

pub(super) struct Heun {
    steps: Steps,
    /// Latents and slopes where the step began, once Euler's step is done.
    begun: Option<(Vec<f32>, Vec<f64>)>,
}

impl Heun {
    pub(super) fn new(steps: Steps) -> Self {
        Self { steps, begun: None }
    }
}

impl Sampler for Heun {
    fn next(&self) -> Option<Call> {
        self.steps.call_of(self.steps.done + usize::from(self.begun.is_some()))
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], _: &mut Noise) {
        let (sigma, next) = self.steps.sigmas();
        let slope = |x: f32, x0: f32, sigma: f64| (f64::from(x) - f64::from(x0)) / sigma;
        if let Some((before, slopes)) = self.begun.take() {
            for (i, x) in latents.iter_mut().enumerate() {
                let mean = 0.5 * (slopes[i] + slope(*x, x0[i], next));
                *x = (f64::from(before[i]) + mean * (next - sigma)) as f32;
            }
        } else {
            if !self.steps.is_last() {
                let slopes = latents.iter().zip(x0).map(|(x, x0)| slope(*x, *x0, sigma)).collect();
                self.begun = Some((latents.to_vec(), slopes));
            }
            each(latents, x0, |x, x0| x + (x - x0) / sigma * (next - sigma));
        }
        self.steps.done += usize::from(self.begun.is_none());
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
