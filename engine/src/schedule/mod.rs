//! When the sampler looks at the picture and how noisy it is then, as diffusers' schedulers have it.
//!
//! A model is trained on `num_train_timesteps` levels of noise. Level t mixes picture and noise so that
//! σ(t) = √((1 − ᾱ) / ᾱ), where ᾱ(t) is the product of 1 − β up to t (`levels`). A schedule picks a few of them
//! (`picks`). What a folder's `scheduler_config.json` says is read (`read`) for the class that it names (`classes`).

mod classes;
mod config;
mod levels;
mod picks;
mod read;
mod solver;

pub use config::{Grid, LastLevel, Replaced, SchedulerConfig, Sigmas};
pub use solver::{SamplerName, Solver};

use crate::message::{Message, Setting};
use crate::{Error, Result};

/// How β grows with the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaSchedule {
    /// Evenly from `beta_start` to `beta_end`.
    Linear,
    /// √β evenly, as all latent diffusion models have it.
    ScaledLinear,
    /// So that ᾱ falls as a squared cosine.
    Cosine,
    /// From `beta_start` to `beta_end` as a logistic curve, between −6 and 6.
    Sigmoid,
    /// So that the logarithms of signal to noise lie as in a Laplace distribution.
    Laplace,
}

/// Which levels a number of steps picks ("Common diffusion noise schedules and sample steps are flawed",
/// arXiv 2305.08891, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestepSpacing {
    /// From the noisiest level in equal strides: what distilled models such as Lightning are trained on.
    Trailing,
    /// Equal strides up from `steps_offset`, so the noisiest levels are missed: SDXL's own.
    Leading,
    /// From the noisiest level to the cleanest, both included.
    Linspace,
}

impl TimestepSpacing {
    /// All of them, by the words that configurations and callers use.
    pub const WORDS: [(&'static str, Self); 3] =
        [("trailing", Self::Trailing), ("leading", Self::Leading), ("linspace", Self::Linspace)];

    /// Its word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Trailing => "trailing",
            Self::Leading => "leading",
            Self::Linspace => "linspace",
        }
    }
}

/// What the UNet predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// ε: the noise in the latents.
    Epsilon,
    /// v: the velocity between noise and picture.
    Velocity,
    /// x₀: the finished latents (diffusers calls it `sample`), as one-step Lightning does.
    Sample,
}

impl Prediction {
    /// All of them, by the words that callers use.
    pub const WORDS: [(&'static str, Self); 3] =
        [("epsilon", Self::Epsilon), ("v", Self::Velocity), ("sample", Self::Sample)];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::Velocity => "v",
            Self::Sample => "sample",
        }
    }
}

/// The levels and noise of one picture's steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// `[steps]`: the UNet's timesteps, noisiest first.
    pub timesteps: Vec<f32>,
    /// `[steps + 1]`: standard deviation of the noise before each step, and what is left after the last, mostly 0.
    pub sigmas: Vec<f32>,
    /// `[steps]`: what diffusers takes for the noise after each step where its class counts whole levels (DDIM, PNDM):
    /// that of the level `num_train_timesteps / steps` below, whether that is the next or not. Elsewhere the next.
    pub(crate) after: Vec<f32>,
    /// σ of every training level, cleanest first.
    pub(crate) train: Vec<f32>,
    /// What N(0, 1) is multiplied by to make the first latents.
    pub init_noise_sigma: f32,
}

impl Schedule {
    /// The schedule of `steps` steps, at least 1 and at most as many as there are training levels.
    pub fn new(config: &SchedulerConfig, steps: usize) -> Result<Self> {
        let levels = config.num_train_timesteps;
        if !(1..=levels).contains(&steps) {
            let what = format!(" {steps} does not fit this model; use 1 to {levels}");
            return Err(Error::Request(Message::of(Setting::Steps).text(what)));
        }
        let train = config.train_sigmas();
        let (timesteps, mut sigmas) = picks::pick(config, &train, steps);
        let max = sigmas.iter().copied().fold(0.0, f32::max);
        sigmas.push(match config.last_level {
            LastLevel::Zero => 0.0,
            LastLevel::Cleanest => {
                let end = config.sigma_ends.0.filter(|_| config.sigma_data.is_some());
                end.map_or(train[0], |end| end as f32)
            }
        });
        // Where the noisiest level is left out, and in schedulers that keep the latents' variance at 1, the first
        // latents are taken for a picture at that level; elsewhere for noise alone.
        let after = picks::after(config, &train, &timesteps, &sigmas);
        let init_noise_sigma = match (config.grid, config.timestep_spacing) {
            (Grid::Continuous, TimestepSpacing::Trailing | TimestepSpacing::Linspace) => max,
            _ => (max * max + 1.0).sqrt(),
        };
        Ok(Self { timesteps, sigmas, after, train, init_noise_sigma })
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.timesteps.len()
    }
}
