//! The settings of a scheduler that matter here, whatever class of diffusers' they came from.

use std::path::Path;

use super::classes::{Class, Member};
use super::read;
use super::solver::{SamplerName, Solver};
use super::{BetaSchedule, Prediction, TimestepSpacing};
use crate::message::Message;
use crate::weights::{Checkpoint, Part};
use crate::{Error, Result};

/// The noise levels that a schedule picks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Any level, between training's own too: Euler and its kin, which count noise as σ.
    Continuous,
    /// Whole levels: DDIM and its kin.
    Whole,
    /// Whole levels, of one step more than there are; the last is left out: DPM++ and its kin.
    OneMore,
    /// Every n-th of the levels that a consistency model was distilled at: LCM and TCD.
    Origin(usize),
    /// Equal strides down from this level: one-step models that were distilled below the noisiest one.
    From(usize),
}

/// How σ falls from the noisiest to the cleanest level that is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sigmas {
    /// As the model was trained, by the spacing of its timesteps.
    Model,
    /// By the seventh root (Karras et al., arXiv 2206.00364, equation 5).
    Karras,
    /// By the logarithm.
    Exponential,
    /// By the quantiles of Beta(0.6, 0.6): dense at both ends (Lee et al., arXiv 2407.12173).
    Beta,
    /// Timesteps evenly from the noisiest level to the cleanest, which is left out: AUTOMATIC1111's SGM Uniform.
    SgmUniform,
}

impl Sigmas {
    /// All of them, by the words that callers use.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("model", Self::Model),
        ("karras", Self::Karras),
        ("exponential", Self::Exponential),
        ("beta", Self::Beta),
        ("sgm-uniform", Self::SgmUniform),
    ];

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, sigmas)| *sigmas == self).map_or("", |(word, _)| word)
    }
}

/// The noise that is left after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLevel {
    /// None.
    Zero,
    /// That of the cleanest level of training.
    Cleanest,
}

/// Characters of a class's name that a message repeats.
const LONGEST_CLASS: usize = 80;

/// A scheduler class of diffusers that Euler's method stands in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Its name.
    pub class: String,
    /// Whether its file is read as that class reads it.
    pub is_known: bool,
    /// What it is made for, where that is no SDXL model.
    pub made_for: Option<&'static str>,
}

impl Replaced {
    fn note(&self) -> Message {
        // Whatever was written there reaches terminals.
        let class: String = self.class.escape_debug().take(LONGEST_CLASS).collect();
        match (self.is_known, self.made_for) {
            (_, Some(made_for)) => format!(
                "this model's scheduler, {class}, is made for {made_for}, which is not supported; it is drawn as an SDXL \
                 model, and its pictures will be noise if it is none"
            ),
            (false, None) => format!("this model's scheduler, {class}, is unknown; it is read as EulerDiscreteScheduler and drawn with Euler"),
            (true, None) => format!("this model's scheduler is {class}; it is drawn with Euler over the same levels"),
        }
        .into()
    }
}

/// The settings of `scheduler_config.json` that matter here.
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerConfig {
    /// Levels of noise in training.
    pub num_train_timesteps: usize,
    /// β at the cleanest level.
    pub beta_start: f64,
    /// β at the noisiest level.
    pub beta_end: f64,
    /// How β grows between them.
    pub beta_schedule: BetaSchedule,
    /// β of every level, cleanest first, where they are listed one by one.
    pub trained_betas: Option<Vec<f32>>,
    /// Whether β is rescaled so that the noisiest level is noise alone (arXiv 2305.08891, algorithm 1).
    pub zero_terminal_snr: bool,
    /// Which levels are picked.
    pub timestep_spacing: TimestepSpacing,
    /// Added to every level under `Leading`.
    pub steps_offset: usize,
    /// Between which levels.
    pub grid: Grid,
    /// How σ falls.
    pub sigmas: Sigmas,
    /// The cleanest and the noisiest σ, where they are not those of the levels.
    pub sigma_ends: (Option<f64>, Option<f64>),
    /// What is left after the last step.
    pub last_level: LastLevel,
    /// What the UNet predicts.
    pub prediction: Prediction,
    /// The standard deviation of latents, where noise is counted as EDM does (Karras et al. 2022, arXiv 2206.00364): the
    /// UNet's timestep is ln σ / 4 then, and σ has ends of its own.
    pub sigma_data: Option<f32>,
    /// The sampler.
    pub solver: Solver,
    /// Whose settings these are, if that is not the sampler's own class.
    pub replaced: Option<Replaced>,
    /// Members of the file that are not supported, and what happens instead.
    pub undone: Vec<(&'static str, &'static str)>,
}

impl SchedulerConfig {
    /// SDXL base's own `scheduler_config.json`; a single file has none, and is then taken to be like SDXL.
    pub fn sdxl() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.00085,
            beta_end: 0.012,
            beta_schedule: BetaSchedule::ScaledLinear,
            trained_betas: None,
            zero_terminal_snr: false,
            timestep_spacing: TimestepSpacing::Leading,
            steps_offset: 1,
            grid: Grid::Continuous,
            sigmas: Sigmas::Model,
            sigma_ends: (None, None),
            last_level: LastLevel::Zero,
            prediction: Prediction::Epsilon,
            sigma_data: None,
            solver: Solver::new(SamplerName::Euler),
            replaced: None,
            undone: vec![],
        }
    }

    /// A checkpoint's own.
    ///
    /// # Errors
    /// As [`SchedulerConfig::from_json`].
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let configs = checkpoint.configs();
        let json = configs.value(Part::Scheduler)?.to_string();
        Self::from_json(json.as_bytes(), &configs.file(Part::Scheduler))
    }

    /// Reads `scheduler_config.json`. A class that has no sampler here is replaced by Euler's method over the same
    /// levels; other deviations are listed in `undone`, and what is not possible at all is an error. Members that the
    /// class itself ignores are ignored. `file` is named in errors.
    ///
    /// # Errors
    /// The file is not a scheduler's, or that of another kind of model.
    pub fn from_json(json: &[u8], file: &Path) -> Result<Self> {
        let fail = |what: String| Error::File { file: file.to_path_buf(), what };
        let config = read::config(json).map_err(fail)?;
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// The same with CosXL's noise, as its authors have it drawn.
    pub(crate) fn cosxl(self) -> Self {
        let (sigmas, sigma_ends) = (Sigmas::Exponential, (Some(0.002), Some(120.0)));
        Self { sigma_data: Some(1.0), sigmas, sigma_ends, prediction: Prediction::Velocity, ..self }
    }

    /// The same with the spacing that a caller asks for, whatever the scheduler's class has.
    pub(crate) fn spaced(self, spacing: TimestepSpacing) -> Self {
        let grid = match self.grid {
            Grid::Origin(_) | Grid::From(_) => self.solver.sampler.spaced_grid(),
            grid => grid,
        };
        let sigmas = if self.sigma_data.is_some() { self.sigmas } else { Sigmas::Model };
        Self { timestep_spacing: spacing, grid, sigmas, ..self }
    }

    /// The same with another sampler: betas, spacing and prediction are the model's, the rest is as the sampler's class
    /// in diffusers has it. LCM and TCD have a spacing of their own.
    pub(crate) fn sampled(self, sampler: SamplerName) -> Self {
        let class = Class::of(sampler);
        if self.replaced.is_none() && self.solver.sampler == sampler {
            return self;
        }
        let grid = match self.grid {
            Grid::From(level) => Grid::From(level),
            _ => class.grid,
        };
        let is_edm = self.sigma_data.is_some();
        let sigmas = if is_edm || class.reads(Member::Curves) { self.sigmas } else { Sigmas::Model };
        let sigma_ends = if is_edm { self.sigma_ends } else { (None, None) };
        let (solver, last_level) = (Solver::new(sampler), class.last);
        // What the file asked of its own class is no matter of this one's.
        let (replaced, undone) = (None, Vec::new());
        Self { solver, last_level, grid, sigmas, sigma_ends, replaced, undone, ..self }
    }

    /// Deviations from what the file asks for, in sentences.
    #[must_use]
    pub fn notes(&self) -> Vec<Message> {
        let undone = self.undone.iter().map(|(member, instead)| {
            format!("`{member}` of this model's scheduler is not supported: {instead}").into()
        });
        self.replaced.iter().map(Replaced::note).chain(undone).collect()
    }

    /// Which levels are picked, in words.
    #[must_use]
    pub fn spacing(&self) -> String {
        match (self.sigmas, self.grid) {
            (Sigmas::SgmUniform, _) => "sgm-uniform".into(),
            (_, Grid::Origin(_)) => "consistency".into(),
            (_, Grid::From(level)) => format!("from {level}"),
            (Sigmas::Model, _) => self.timestep_spacing.word().into(),
            (Sigmas::Karras, _) => format!("{} (Karras)", self.timestep_spacing.word()),
            (sigmas, _) => format!("{} ({})", self.timestep_spacing.word(), sigmas.word()),
        }
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=100_000).contains(&self.num_train_timesteps) {
            return Err(format!(
                "`num_train_timesteps` is {}; it must be from 1 to 100,000",
                self.num_train_timesteps
            ));
        }
        if let Some(betas) = &self.trained_betas {
            let (found, wanted) = (betas.len(), self.num_train_timesteps);
            if found != wanted {
                return Err(format!(
                    "`trained_betas` has {found} numbers, `num_train_timesteps` is {wanted}"
                ));
            }
            if !betas.iter().all(|beta| *beta > 0.0 && *beta < 1.0) {
                return Err("`trained_betas` must lie between 0 and 1".into());
            }
        } else if !(0.0 < self.beta_start && self.beta_start <= self.beta_end && self.beta_end < 1.0) {
            let (start, end) = (self.beta_start, self.beta_end);
            return Err(format!(
                "`beta_start` {start} and `beta_end` {end} must increase, and lie between 0 and 1"
            ));
        }
        if let Grid::Origin(levels) = self.grid
            && !(1..=self.num_train_timesteps).contains(&levels)
        {
            return Err(format!(
                "`original_inference_steps` is {levels}; it must be from 1 to the number of training levels"
            ));
        }
        let (low, high) = self.sigma_ends;
        if !(low.unwrap_or(1e-6) > 0.0 && low.unwrap_or(0.0) <= high.unwrap_or(f64::INFINITY)) {
            return Err("`sigma_min` and `sigma_max` must be above 0, `sigma_max` the larger".into());
        }
        Ok(())
    }
}
