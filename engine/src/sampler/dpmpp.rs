//! DPM-Solver++ of order 2, multistep (Lu et al. 2022, arXiv 2211.01095), as diffusers' `DPMSolverMultistepScheduler` in
//! its midpoint form; and its stochastic form, `sde-dpmsolver++`.
//!
//! With λ = −ln σ and h = λ' − λ, latents x₀ + σ·ε move to e⁻ʰ·x + (1 − e⁻ʰ)·D, and in the stochastic form to
//! e⁻²ʰ·x + (1 − e⁻²ʰ)·D + σ'·√(1 − e⁻²ʰ)·noise. D is x₀ carried on by half a step from the last two.

use super::steps::{Steps, add_noise, deviation};
use super::{Call, Sampler};
use crate::noise::Noise;

/// From so many steps on the last may be of order 2.
const MANY: usize = 15;

pub(super) struct Dpmpp2m {
    steps: Steps,
    stochastic: bool,
    lower_order_final: bool,
    /// x₀ of the level before.
    before: Option<Vec<f32>>,
}

impl Dpmpp2m {
    pub(super) fn new(steps: Steps, stochastic: bool, lower_order_final: bool) -> Self {
        Self { steps, stochastic, lower_order_final, before: None }
    }

    /// How much of x₀'s change since the last level is carried on; none in a step of order 1.
    fn carried(&self, sigma: f64, next: f64) -> f64 {
        let lower = next == 0.0 || self.lower_order_final && self.steps.len() < MANY;
        if self.before.is_none() || self.steps.is_last() && lower {
            return 0.0;
        }
        let step_before = (self.steps.sigma(self.steps.done - 1) / sigma).ln();
        0.5 * (sigma / next).ln() / step_before
    }
}

impl Sampler for Dpmpp2m {
    fn next(&self) -> Option<Call> {
        self.steps.call()
    }

    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise) {
        let (sigma, next) = self.steps.sigmas();
        let carried = self.carried(sigma, next);
        let ratio = next / sigma;
        let left = if self.stochastic { ratio * ratio } else { ratio };
        // Noise that is left at the end is not undone: the picture is the latents of variance 1.
        let kept = if self.steps.is_last() { 1.0 / deviation(next) } else { 1.0 };
        let before = self.before.as_deref().unwrap_or(x0);
        for ((x, &x0), &before) in latents.iter_mut().zip(x0).zip(before) {
            let x0 = f64::from(x0);
            let ahead = x0 + carried * (x0 - f64::from(before));
            *x = (kept * (left * f64::from(*x) + (1.0 - left) * ahead)) as f32;
        }
        if self.stochastic {
            add_noise(latents, &noise.normals(x0.len()), kept * next * (1.0 - left).sqrt());
        }
        self.before = Some(x0.to_vec());
        self.steps.done += 1;
    }

    fn done(&self) -> usize {
        self.steps.done
    }
}
