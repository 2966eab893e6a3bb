//! Samplers by name, and what of a sampler is a setting.

use super::Grid;

/// A sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplerName {
    /// Euler's method.
    Euler,
    /// Euler's method, with fresh noise in every step.
    EulerAncestral,
    /// Heun's method: two calls of the UNet a step.
    Heun,
    /// Linear multistep, order 4.
    Lms,
    /// Denoising diffusion implicit models.
    Ddim,
    /// Pseudo linear multistep.
    Pndm,
    /// DPM-Solver++, order 2, multistep.
    Dpmpp2m,
    /// The same as a stochastic differential equation.
    Dpmpp2mSde,
    /// UniPC: a predictor and a corrector of order 2.
    UniPc,
    /// Latent consistency models.
    Lcm,
    /// Trajectory consistency distillation.
    Tcd,
}

impl SamplerName {
    /// All of them, by the words that callers use.
    pub const WORDS: [(&'static str, Self); 11] = [
        ("euler", Self::Euler),
        ("euler-a", Self::EulerAncestral),
        ("heun", Self::Heun),
        ("lms", Self::Lms),
        ("ddim", Self::Ddim),
        ("pndm", Self::Pndm),
        ("dpmpp-2m", Self::Dpmpp2m),
        ("dpmpp-2m-sde", Self::Dpmpp2mSde),
        ("unipc", Self::UniPc),
        ("lcm", Self::Lcm),
        ("tcd", Self::Tcd),
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, name)| *name == self).map_or("", |(word, _)| word)
    }

    /// What AUTOMATIC1111 calls it.
    pub(crate) const fn a1111(self) -> &'static str {
        match self {
            Self::Euler => "Euler",
            Self::EulerAncestral => "Euler a",
            Self::Heun => "Heun",
            Self::Lms => "LMS",
            Self::Ddim => "DDIM",
            Self::Pndm => "PLMS",
            Self::Dpmpp2m => "DPM++ 2M",
            Self::Dpmpp2mSde => "DPM++ 2M SDE",
            Self::UniPc => "UniPC",
            Self::Lcm => "LCM",
            Self::Tcd => "TCD",
        }
    }

    /// diffusers' class, without `Scheduler` at its end.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Euler => "EulerDiscrete",
            Self::EulerAncestral => "EulerAncestralDiscrete",
            Self::Heun => "HeunDiscrete",
            Self::Lms => "LMSDiscrete",
            Self::Ddim => "DDIM",
            Self::Pndm => "PNDM",
            Self::Dpmpp2m | Self::Dpmpp2mSde => "DPMSolverMultistep",
            Self::UniPc => "UniPCMultistep",
            Self::Lcm => "LCM",
            Self::Tcd => "TCD",
        }
    }

    /// The default η: the share of fresh noise in every step.
    pub(crate) const fn usual_eta(self) -> f32 {
        match self {
            Self::EulerAncestral => 1.0,
            Self::Tcd => 0.3,
            _ => 0.0,
        }
    }

    /// Whether it uses η.
    #[must_use]
    pub const fn reads_eta(self) -> bool {
        matches!(self, Self::EulerAncestral | Self::Ddim | Self::Tcd)
    }

    /// The grid on which a caller's spacing is laid out.
    pub(super) const fn spaced_grid(self) -> Grid {
        match self {
            Self::Euler | Self::EulerAncestral | Self::Heun | Self::Lms => Grid::Continuous,
            Self::Dpmpp2m | Self::Dpmpp2mSde | Self::UniPc => Grid::OneMore,
            Self::Ddim | Self::Pndm | Self::Lcm | Self::Tcd => Grid::Whole,
        }
    }
}

/// A sampler with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solver {
    /// Which.
    pub sampler: SamplerName,
    /// The share of fresh noise in every step, 0 to 1, where [`SamplerName::reads_eta`].
    pub eta: f32,
    /// Whether the last of fewer than 15 steps is of order 1, although noise is left after it.
    pub lower_order_final: bool,
    /// Whether PNDM begins with Runge-Kutta steps, four calls of the UNet each.
    pub runge_kutta: bool,
}

impl Solver {
    /// A sampler as diffusers' class has it, but PNDM without Runge-Kutta steps.
    #[must_use]
    pub const fn new(sampler: SamplerName) -> Self {
        Self { sampler, eta: sampler.usual_eta(), lower_order_final: true, runge_kutta: false }
    }
}
