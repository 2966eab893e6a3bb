//! A picture on its way: its latents, the noise that they came from, and the sampler that moves them.

use std::sync::Arc;

use super::DrawPlan;
use super::encode::UNetConditioning;
use super::watch::Seconds;
use crate::graph::Shape;
use crate::noise::Noise;
use crate::sampler::{self, Call, Sampler};
use crate::schedule::Prediction;

/// One picture of a request. Whatever is drawn beside it in a batch, it becomes the same.
pub(super) struct Canvas {
    /// Which picture of the request, from 0.
    pub(super) image: usize,
    pub(super) seed: u64,
    pub(super) conditioning: Arc<UNetConditioning>,
    /// `[channels, height, width]`, as torch draws noise and diffusers keeps latents.
    pub(super) latents: Vec<f32>,
    noise: Noise,
    sampler: Box<dyn Sampler>,
    prediction: Prediction,
    guidance: f32,
    pub(super) seconds: Seconds,
}

impl Canvas {
    /// A canvas of noise for the `image`-th picture. `shape` is that of its latents.
    pub(super) fn new(
        plan: &DrawPlan,
        image: usize,
        shape: Shape,
        conditioning: Arc<UNetConditioning>,
    ) -> Self {
        let seed = plan.seed.wrapping_add(image as u64);
        let mut noise = Noise::new(plan.rng, seed);
        let latents = sampler::first_latents(&noise.normals(shape.channels * shape.pixels()), &plan.schedule);
        let scheduler = &plan.settings.scheduler;
        Self {
            image,
            seed,
            conditioning,
            latents,
            noise,
            sampler: sampler::sampler(scheduler.solver, scheduler.prediction, &plan.schedule, 0),
            prediction: scheduler.prediction,
            guidance: plan.settings.guidance,
            seconds: Seconds::default(),
        }
    }

    /// What the UNet is to be asked; `None` once the latents are finished.
    pub(super) fn next(&self) -> Option<Call> {
        self.sampler.next()
    }

    /// Steps that are done.
    pub(super) fn done(&self) -> usize {
        self.sampler.done()
    }

    /// Moves the latents by the UNet's predictions, one for each copy of the conditioning; returns x₀, what the
    /// latents would be if this were the last step.
    pub(super) fn take(&mut self, predictions: &[Vec<f32>], sigma: f32) -> Vec<f32> {
        let predicted = match predictions {
            [without, with] => sampler::guide(without, with, self.guidance),
            _ => predictions.concat(),
        };
        let x0 = sampler::denoised(&self.latents, &predicted, self.prediction, sigma);
        self.sampler.take(&mut self.latents, &x0, &mut self.noise);
        x0
    }
}
