//! A picture on its way: its latents, what they came from, and the sampler that moves them.

use std::sync::Arc;

use super::DrawPlan;
use super::beginning::{Beginning, Start};
use super::controls::Signals;
use super::encode::UNetConditioning;
use super::layout::Frame;
use super::watch::Seconds;
use crate::noise::Noise;
use crate::sampler::{self, Call, Sampler};
use crate::schedule::Prediction;

/// One picture of a request. Whatever is drawn beside it in a batch, it becomes the same.
pub(super) struct Canvas {
    /// Which of those that are drawn together it belongs to.
    pub(super) drawing: usize,
    /// Which picture of the request, from 0.
    pub(super) image: usize,
    pub(super) seed: u64,
    pub(super) conditioning: Arc<UNetConditioning>,
    /// What guides it, beside the prompt.
    pub(super) signals: Arc<Signals>,
    /// Calls of the UNet that are done.
    calls: usize,
    pub(super) frame: Frame,
    /// `[channels, height, width]`, as torch draws noise and diffusers keeps latents.
    pub(super) latents: Vec<f32>,
    noise: Noise,
    sampler: Box<dyn Sampler>,
    pub(super) start: Start,
    prediction: Prediction,
    /// Where noise is counted as EDM does.
    sigma_data: Option<f32>,
    guidance: f32,
    pub(super) seconds: Seconds,
    /// Seconds of the step that it is in.
    pub(super) spent: f64,
    /// Steps of a first pass.
    pub(super) before: usize,
}

/// Which picture a canvas is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct CanvasPlace {
    pub(super) drawing: usize,
    pub(super) image: usize,
    pub(super) frame: Frame,
}

impl Canvas {
    /// A canvas as it is before its first step.
    pub(super) fn new(
        place: CanvasPlace,
        plan: &DrawPlan,
        conditioning: Arc<UNetConditioning>,
        beginning: Arc<Beginning>,
    ) -> Self {
        let CanvasPlace { drawing, image, frame } = place;
        let seed = plan.seed.wrapping_add(image as u64);
        let mut noise = Noise::new(plan.rng, seed);
        let mut start = Start::new(beginning, plan, frame.shape, &mut noise);
        let latents = std::mem::take(&mut start.latents);
        let scheduler = &plan.settings.scheduler;
        Self {
            drawing,
            image,
            seed,
            conditioning,
            signals: Arc::default(),
            calls: 0,
            frame,
            latents,
            noise,
            sampler: sampler::sampler(scheduler.solver, scheduler.prediction, &plan.schedule, start.skipped),
            start,
            prediction: scheduler.prediction,
            sigma_data: scheduler.sigma_data,
            guidance: plan.settings.guidance,
            seconds: Seconds::default(),
            spent: 0.0,
            before: 0,
        }
    }

    /// The next call of the UNet; `None` once the latents are finished.
    pub(super) fn next(&self) -> Option<Call> {
        let call = self.sampler.next()?;
        let timestep = self.sigma_data.map_or(call.timestep, |_| sampler::edm_timestep(call.sigma));
        Some(Call { timestep, ..call })
    }

    /// All that the UNet is given in place of latents, channels innermost.
    pub(super) fn unet_input(&self, sigma: f32) -> Vec<f32> {
        self.start.unet_input(&self.model_input(sigma), self.frame.shape)
    }

    /// The latents as the UNet wants them.
    pub(super) fn model_input(&self, sigma: f32) -> Vec<f32> {
        match self.sigma_data {
            None => sampler::model_input(&self.latents, sigma),
            Some(sigma_data) => sampler::edm_model_input(&self.latents, sigma, sigma_data),
        }
    }

    /// How strongly the `place`-th picture that guides does so at the next call; 0 where it does not.
    pub(super) fn control_scale(&self, place: usize) -> f32 {
        self.signals.scale(place, self.calls)
    }

    /// Steps that are done.
    pub(super) fn done(&self) -> usize {
        self.before + self.sampler.done() - self.start.skipped
    }

    /// Moves the latents by the UNet's predictions, one for each copy of the conditioning; returns x₀, what the
    /// latents would be if this were the last step.
    pub(super) fn take(&mut self, predictions: &[Vec<f32>], sigma: f32) -> Vec<f32> {
        let predicted = match predictions {
            [without, with] => sampler::guide(without, with, self.guidance),
            _ => predictions.concat(),
        };
        let (latents, prediction) = (&self.latents, self.prediction);
        let x0 = match self.sigma_data {
            None => sampler::denoised(latents, &predicted, prediction, sigma),
            Some(data) => sampler::edm_denoised(latents, &predicted, prediction, sigma, data),
        };
        self.sampler.take(&mut self.latents, &x0, &mut self.noise);
        self.calls += 1;
        let left = self.sampler.next().map_or(0.0, |call| call.sigma);
        self.start.keep(&mut self.latents, left);
        x0
    }
}
