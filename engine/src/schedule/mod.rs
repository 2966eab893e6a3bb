//! When the sampler looks at the picture and how noisy it is then: diffusers' `EulerDiscreteScheduler`.
//!
//! A model is trained on `num_train_timesteps` levels of noise. Level t mixes picture and noise so that
//! σ(t) = √((1 − ᾱ) / ᾱ), where ᾱ(t) is the product of 1 − β up to t. A schedule picks a few of them.

use std::path::Path;

use serde::Deserialize;

use crate::message::{Message, Setting};
use crate::weights::{Checkpoint, Component};
use crate::{Error, Result};

/// How β grows with the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaSchedule {
    /// Evenly from `beta_start` to `beta_end`.
    Linear,
    /// √β evenly, as all latent diffusion models have it.
    ScaledLinear,
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
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trailing => "trailing",
            Self::Leading => "leading",
            Self::Linspace => "linspace",
        }
    }
}

/// What the UNet answers with.
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
    /// Which levels are picked.
    pub timestep_spacing: TimestepSpacing,
    /// Added to every level under `Leading`.
    pub steps_offset: usize,
    /// What the UNet answers with.
    pub prediction: Prediction,
}

impl SchedulerConfig {
    /// SDXL base's own `scheduler_config.json`; a single file has none, and is then taken to be like SDXL.
    pub fn sdxl() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.00085,
            beta_end: 0.012,
            beta_schedule: BetaSchedule::ScaledLinear,
            timestep_spacing: TimestepSpacing::Leading,
            steps_offset: 1,
            prediction: Prediction::Epsilon,
        }
    }

    /// A checkpoint's own.
    ///
    /// # Errors
    /// As [`SchedulerConfig::from_json`].
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let configs = checkpoint.configs();
        let json = configs.value(Component::Scheduler)?.to_string();
        Self::from_json(json.as_bytes(), &configs.file(Component::Scheduler))
    }

    /// Read `scheduler_config.json`. A setting that changes the numbers and is not known here is an error;
    /// fields that nobody reads are not. `file` is named in errors.
    pub fn from_json(json: &[u8], file: &Path) -> Result<Self> {
        let fail = |what: String| Error::File { file: file.to_path_buf(), what };
        // By way of a map: serde would also take a bare list for the settings.
        let raw: Raw = serde_json::from_slice(json)
            .and_then(|fields: serde_json::Map<_, _>| serde_json::from_value(fields.into()))
            .map_err(|e| fail(format!("not a scheduler's settings: {e}")))?;
        raw.refuse_unsupported().map_err(fail)?;
        let config = raw.read().map_err(fail)?;
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// σ of every training level, cleanest first.
    ///
    /// Types follow torch: β in f32, its products in f64 and kept in f32, σ in f32. All is then torch's to the
    /// bit (with AVX2 or AVX-512) but for its square root, which is off by one unit in the last place in a
    /// fifth of the levels.
    fn train_sigmas(&self) -> Vec<f32> {
        let count = self.num_train_timesteps;
        let betas = match self.beta_schedule {
            BetaSchedule::Linear => linspace(self.beta_start as f32, self.beta_end as f32, count),
            BetaSchedule::ScaledLinear => {
                let roots = linspace(self.beta_start.sqrt() as f32, self.beta_end.sqrt() as f32, count);
                roots.iter().map(|root| root * root).collect()
            }
        };
        let mut product = 1.0_f64;
        let sigma = |beta: &f32| {
            product *= f64::from(1.0 - beta);
            let alpha = product as f32;
            ((1.0 - alpha) / alpha).sqrt()
        };
        betas.iter().map(sigma).collect()
    }

    /// The levels that `steps` steps pick, noisiest first.
    fn timesteps(&self, steps: usize) -> Vec<f32> {
        let levels = self.num_train_timesteps as f64;
        let at = |step: usize| match self.timestep_spacing {
            // diffusers, at 62 of the numbers up to 1,000 (61 is the first), makes one step too many by rounding; not here.
            TimestepSpacing::Trailing => {
                (levels - step as f64 * (levels / steps as f64)).round_ties_even() as f32 - 1.0
            }
            TimestepSpacing::Leading => {
                let stride = self.num_train_timesteps / steps;
                ((steps - 1 - step) * stride + self.steps_offset) as f32
            }
            TimestepSpacing::Linspace if steps == 1 => 0.0,
            TimestepSpacing::Linspace if step == 0 => (levels - 1.0) as f32,
            TimestepSpacing::Linspace => {
                ((steps - 1 - step) as f64 * ((levels - 1.0) / (steps - 1) as f64)) as f32
            }
        };
        (0..steps).map(at).collect()
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=100_000).contains(&self.num_train_timesteps) {
            return Err(format!(
                "`num_train_timesteps` is {}; 1 to 100,000 make sense",
                self.num_train_timesteps
            ));
        }
        if !(0.0 < self.beta_start && self.beta_start <= self.beta_end && self.beta_end < 1.0) {
            let (start, end) = (self.beta_start, self.beta_end);
            return Err(format!("`beta_start` {start} and `beta_end` {end} must rise between 0 and 1"));
        }
        Ok(())
    }
}

/// The levels and noise of one picture's steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// `[steps]`: what the UNet is told, noisiest first.
    pub timesteps: Vec<f32>,
    /// `[steps + 1]`: standard deviation of the noise before each step, and 0 after the last.
    pub sigmas: Vec<f32>,
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
        let timesteps = config.timesteps(steps);
        let mut sigmas: Vec<f32> = timesteps.iter().map(|&t| interpolate(&train, t)).collect();
        let max = sigmas.iter().copied().fold(0.0, f32::max);
        sigmas.push(0.0);
        let init_noise_sigma = match config.timestep_spacing {
            TimestepSpacing::Leading => (max * max + 1.0).sqrt(),
            TimestepSpacing::Trailing | TimestepSpacing::Linspace => max,
        };
        Ok(Self { timesteps, sigmas, init_noise_sigma })
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.timesteps.len()
    }
}

/// `torch.linspace` in f32, which counts from whichever end is nearer.
fn linspace(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = if count > 1 { (end - start) / (count - 1) as f32 } else { 0.0 };
    let at = |i: usize| {
        if i < count.div_ceil(2) {
            step.mul_add(i as f32, start)
        } else {
            (-step).mul_add((count - 1 - i) as f32, end)
        }
    };
    (0..count).map(at).collect()
}

/// `np.interp`: the value between two levels, held at both ends.
fn interpolate(levels: &[f32], t: f32) -> f32 {
    let t = f64::from(t).clamp(0.0, (levels.len() - 1) as f64);
    let below = t as usize;
    let above = (below + 1).min(levels.len() - 1);
    let (low, high) = (f64::from(levels[below]), f64::from(levels[above]));
    ((high - low) * (t - below as f64) + low) as f32
}

/// `scheduler_config.json` as it is written; what is absent has diffusers' default.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    _class_name: String,
    num_train_timesteps: usize,
    beta_start: f64,
    beta_end: f64,
    beta_schedule: String,
    timestep_spacing: String,
    steps_offset: usize,
    prediction_type: String,
    interpolation_type: String,
    final_sigmas_type: String,
    timestep_type: String,
    trained_betas: Option<serde_json::Value>,
    rescale_betas_zero_snr: bool,
    use_karras_sigmas: Option<bool>,
    use_exponential_sigmas: Option<bool>,
    use_beta_sigmas: Option<bool>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            _class_name: "EulerDiscreteScheduler".into(),
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: "linear".into(),
            timestep_spacing: "linspace".into(),
            steps_offset: 0,
            prediction_type: "epsilon".into(),
            interpolation_type: "linear".into(),
            final_sigmas_type: "zero".into(),
            timestep_type: "discrete".into(),
            trained_betas: None,
            rescale_betas_zero_snr: false,
            use_karras_sigmas: None,
            use_exponential_sigmas: None,
            use_beta_sigmas: None,
        }
    }
}

impl Raw {
    /// Settings that would make other numbers than the ones made here.
    fn refuse_unsupported(&self) -> Result<(), String> {
        let words = [
            ("_class_name", &self._class_name, "EulerDiscreteScheduler"),
            ("interpolation_type", &self.interpolation_type, "linear"),
            ("final_sigmas_type", &self.final_sigmas_type, "zero"),
            ("timestep_type", &self.timestep_type, "discrete"),
        ];
        for (field, found, known) in words {
            if found != known {
                return Err(format!("`{field}` is \"{found}\"; only \"{known}\" is supported"));
            }
        }
        let flags = [
            ("trained_betas", self.trained_betas.is_some()),
            ("rescale_betas_zero_snr", self.rescale_betas_zero_snr),
            ("use_karras_sigmas", self.use_karras_sigmas == Some(true)),
            ("use_exponential_sigmas", self.use_exponential_sigmas == Some(true)),
            ("use_beta_sigmas", self.use_beta_sigmas == Some(true)),
        ];
        match flags.iter().find(|(_, set)| *set) {
            Some((field, _)) => Err(format!("`{field}` is set; it is not supported")),
            None => Ok(()),
        }
    }

    fn read(&self) -> Result<SchedulerConfig, String> {
        let schedules = [("linear", BetaSchedule::Linear), ("scaled_linear", BetaSchedule::ScaledLinear)];
        let spacings = TimestepSpacing::WORDS;
        let predictions = [
            ("epsilon", Prediction::Epsilon),
            ("v_prediction", Prediction::Velocity),
            ("sample", Prediction::Sample),
        ];
        Ok(SchedulerConfig {
            num_train_timesteps: self.num_train_timesteps,
            beta_start: self.beta_start,
            beta_end: self.beta_end,
            beta_schedule: choose("beta_schedule", &self.beta_schedule, &schedules)?,
            timestep_spacing: choose("timestep_spacing", &self.timestep_spacing, &spacings)?,
            steps_offset: self.steps_offset,
            prediction: choose("prediction_type", &self.prediction_type, &predictions)?,
        })
    }
}

/// The choice that a word names, or a sentence with the words that are known.
fn choose<T: Copy>(field: &str, word: &str, known: &[(&str, T)]) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("`{field}` is \"{word}\"; supported are {}", names.join(", "))
    })
}
