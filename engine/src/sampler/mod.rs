//! Samplers: from noise to latents, step by step.
//!
//! Latents are kept as x = x₀ + σ·ε for every sampler; those that diffusers writes for latents of variance 1 multiply by
//! 1/√(σ² + 1) on the way in and out. A sampler says at which level the UNet is asked next, is given x₀ as the UNet's
//! prediction has it (`denoise`), and moves the latents. It may keep what it was given before, and draw noise from
//! the picture's own stream.

mod denoise;
mod euler;
mod steps;
#[cfg(test)]
mod tests;

pub use denoise::{denoised, guide, model_input};

use crate::noise::Noise;
use crate::schedule::Schedule;

/// What the UNet is asked next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// What the UNet is told of the noise level.
    pub timestep: f32,
    /// Standard deviation of the noise in the latents.
    pub sigma: f32,
}

/// A sampler on its way through one picture.
///
/// ```text
/// while let Some(call) = sampler.next() {
///     let predicted = unet(model_input(&latents, call.sigma), call.timestep);
///     let x0 = denoised(&latents, &predicted, prediction, call.sigma);
///     sampler.take(&mut latents, &x0, &mut noise);
/// }
/// ```
pub trait Sampler: Send {
    /// What the UNet is to be asked; `None` once the latents are finished.
    fn next(&self) -> Option<Call>;

    /// Moves the latents, given x₀ of the level that [`Sampler::next`] named.
    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise);

    /// Steps that are done. Some samplers ask the UNet twice in a step.
    fn done(&self) -> usize;
}

/// A sampler at the beginning of a schedule.
#[must_use]
pub fn sampler(schedule: &Schedule) -> Box<dyn Sampler> {
    let steps = steps::Steps::new(schedule);
    Box::new(euler::Euler::new(steps))
}

/// N(0, 1) to the first latents.
#[must_use]
pub fn first_latents(noise: &[f32], schedule: &Schedule) -> Vec<f32> {
    noise.iter().map(|n| n * schedule.init_noise_sigma).collect()
}
