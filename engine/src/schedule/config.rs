//! The settings of a scheduler that matter here, whatever class of diffusers' they came from.

use std::path::Path;

use super::read;
use super::{BetaSchedule, Prediction, TimestepSpacing};
use crate::message::Message;
use crate::weights::{Checkpoint, Component};
use crate::{Error, Result};

/// Levels between which a schedule chooses, and how noise of them begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Any level, between training's own too: Euler and its kin, which count noise as σ.
    Continuous,
    /// Whole levels: DDIM and its kin.
    Whole,
    /// Whole levels, of one step more than there are; the last is left out: DPM++ and its kin.
    OneMore,
    /// Every so manyth of the levels that a consistency model was distilled at: LCM and TCD.
    Origin(usize),
    /// Equal strides down from this level: one-step models that were distilled below the noisiest one.
    From(usize),
}

/// How σ falls between the noisiest and the cleanest level that is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// As training has it.
    Plain,
    /// By the seventh root (Karras et al., arXiv 2206.00364, equation 5).
    Karras,
    /// By the logarithm.
    Exponential,
}

/// The noise that is left after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLevel {
    /// None.
    Zero,
    /// That of the cleanest level of training.
    Cleanest,
}

/// Characters of a class's name that are said again.
const LONGEST_CLASS: usize = 80;

/// A solver of diffusers' in whose place Euler's method draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solver {
    /// Its class.
    pub class: String,
    /// Whether what its file says is read as that class reads it.
    pub is_known: bool,
    /// Whether the levels are those that it would pick.
    pub same_levels: bool,
}

impl Solver {
    fn note(&self) -> Message {
        let Self { class, is_known, same_levels } = self;
        // Whatever was written there reaches terminals.
        let class: String = class.escape_debug().take(LONGEST_CLASS).collect();
        match (is_known, same_levels) {
            (false, _) => format!("this model's scheduler, {class}, is not known; it is drawn with Euler, as EulerDiscreteScheduler"),
            (true, true) => format!("this model's scheduler is {class}; it is drawn with Euler over the same levels"),
            (true, false) => format!("this model's scheduler is {class}; it is drawn with Euler"),
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
    pub curve: Curve,
    /// The cleanest and the noisiest σ of the curve, where they are not those of the levels.
    pub curve_ends: (Option<f64>, Option<f64>),
    /// What is left after the last step.
    pub last_level: LastLevel,
    /// What the UNet answers with.
    pub prediction: Prediction,
    /// Whose settings these are, if not those of Euler's method.
    pub solver: Option<Solver>,
    /// Members of the file that ask for what is not done here, and what is done instead.
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
            curve: Curve::Plain,
            curve_ends: (None, None),
            last_level: LastLevel::Zero,
            prediction: Prediction::Epsilon,
            solver: None,
            undone: vec![],
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

    /// Reads `scheduler_config.json`. A class of scheduler that is not here is drawn with Euler's method over the same
    /// levels; what else is done in another way stands in `undone`, and what cannot be done is an error. Members that the
    /// class does not read are not read here. `file` is named in errors.
    ///
    /// # Errors
    /// The file is no scheduler's, or asks for what would be another kind of model.
    pub fn from_json(json: &[u8], file: &Path) -> Result<Self> {
        let fail = |what: String| Error::File { file: file.to_path_buf(), what };
        let config = read::config(json).map_err(fail)?;
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// The same with levels picked as a caller says, whatever the class of scheduler would pick.
    #[must_use]
    pub fn spaced(self, spacing: TimestepSpacing) -> Self {
        let solver = self.solver.map(|solver| Solver { same_levels: false, ..solver });
        Self { timestep_spacing: spacing, grid: Grid::Continuous, curve: Curve::Plain, solver, ..self }
    }

    /// What is done in another way than the file asks for, in sentences.
    #[must_use]
    pub fn notes(&self) -> Vec<Message> {
        let undone = self.undone.iter().map(|(member, instead)| {
            format!("`{member}` of this model's scheduler is not supported: {instead}").into()
        });
        self.solver.iter().map(Solver::note).chain(undone).collect()
    }

    /// Which levels are picked, in words.
    #[must_use]
    pub fn spacing(&self) -> String {
        let curve = match self.curve {
            Curve::Plain => "",
            Curve::Karras => " (Karras)",
            Curve::Exponential => " (exponential)",
        };
        match self.grid {
            Grid::Origin(_) => "consistency".into(),
            Grid::From(level) => format!("from {level}"),
            Grid::Continuous | Grid::Whole | Grid::OneMore => {
                format!("{}{curve}", self.timestep_spacing.word())
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=100_000).contains(&self.num_train_timesteps) {
            return Err(format!(
                "`num_train_timesteps` is {}; 1 to 100,000 make sense",
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
            return Err(format!("`beta_start` {start} and `beta_end` {end} must rise between 0 and 1"));
        }
        if let Grid::Origin(levels) = self.grid
            && !(1..=self.num_train_timesteps).contains(&levels)
        {
            return Err(format!(
                "`original_inference_steps` is {levels}; 1 to the levels of training make sense"
            ));
        }
        let (low, high) = self.curve_ends;
        if !(low.unwrap_or(1e-6) > 0.0 && low.unwrap_or(0.0) <= high.unwrap_or(f64::INFINITY)) {
            return Err("`sigma_min` and `sigma_max` must rise from above 0".into());
        }
        Ok(())
    }
}
