//! Samplers: from noise to latents, step by step.
//!
//! Latents are kept as x = x₀ + σ·ε for every sampler; those that diffusers writes for latents of variance 1 multiply by
//! 1/√(σ² + 1) on the way in and out. A sampler says at which level the UNet is asked next, is given x₀ as the UNet's
//! prediction has it (`denoise`), and moves the latents. It may keep what it was given before, and draw noise from
//! the picture's own stream.

mod ancestral;
mod ddim;
mod denoise;
mod dpmpp;
mod euler;
mod heun;
mod lcm;
mod lms;
mod pndm;
mod steps;
mod tcd;
#[cfg(test)]
mod tests;
mod unipc;

pub use denoise::{denoised, edm_denoised, edm_model_input, edm_timestep, guide, model_input};

use self::ancestral::EulerAncestral;
use self::ddim::Ddim;
use self::dpmpp::Dpmpp2m;
use self::euler::Euler;
use self::heun::Heun;
use self::lcm::Lcm;
use self::lms::Lms;
use self::pndm::Pndm;
use self::steps::Steps;
use self::tcd::Tcd;
use self::unipc::UniPc;
use crate::noise::Noise;
use crate::schedule::{Prediction, SamplerName, Schedule, Solver};

/// A call of the UNet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// The UNet's own measure of the noise level.
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
    /// The next call of the UNet; `None` once the latents are finished.
    fn next(&self) -> Option<Call>;

    /// Moves the latents, given x₀ of the level that [`Sampler::next`] named.
    fn take(&mut self, latents: &mut [f32], x0: &[f32], noise: &mut Noise);

    /// Steps that are done. Some samplers ask the UNet twice in a step.
    fn done(&self) -> usize;
}

/// A sampler on a schedule, of which the first `start` steps are left out: 0, unless the latents are a picture's with the
/// noise of a later level.
#[must_use]
pub fn sampler(
    solver: Solver,
    prediction: Prediction,
    schedule: &Schedule,
    start: usize,
) -> Box<dyn Sampler> {
    let steps = Steps::new(schedule, start);
    let Solver { sampler, lower_order_final, runge_kutta, .. } = solver;
    let eta = f64::from(solver.eta);
    match sampler {
        SamplerName::Euler => Box::new(Euler { steps }),
        SamplerName::EulerAncestral => Box::new(EulerAncestral { steps, eta }),
        SamplerName::Heun => Box::new(Heun::new(steps)),
        SamplerName::Lms => Box::new(Lms::new(steps)),
        SamplerName::Ddim => Box::new(Ddim { steps, eta }),
        SamplerName::Pndm => Box::new(Pndm::new(&steps, prediction, runge_kutta)),
        SamplerName::Dpmpp2m => Box::new(Dpmpp2m::new(steps, false, lower_order_final)),
        SamplerName::Dpmpp2mSde => Box::new(Dpmpp2m::new(steps, true, lower_order_final)),
        SamplerName::UniPc => Box::new(UniPc::new(steps, lower_order_final)),
        SamplerName::Lcm => Box::new(Lcm { steps }),
        SamplerName::Tcd => Box::new(Tcd { steps, eta }),
    }
}

/// N(0, 1) to the first latents.
#[must_use]
pub fn first_latents(noise: &[f32], schedule: &Schedule) -> Vec<f32> {
    noise.iter().map(|n| n * schedule.init_noise_sigma).collect()
}
