//! What a model asks for: its number of steps, its guidance, its schedule.
//!
//! A Lightning model is distilled for one number of steps, and draws mud under any other schedule, so its
//! settings are chosen by its name. What a user asks for instead is done, with a warning.

use std::path::Path;

use crate::message::{Message, Setting};
use crate::request::{Guidance, Request};
use crate::schedule::{Prediction, SchedulerConfig, TimestepSpacing};
use crate::{Error, Result};

/// Steps where a model's schedule is that of a distilled model but its name does not say how many.
const DISTILLED_STEPS: usize = 4;

/// Steps and guidance of an undistilled model.
const STEPS: usize = 30;
const GUIDANCE: f32 = 5.0;

/// From this guidance on the UNet is also asked what it sees without the prompt.
const GUIDED_ABOVE: f32 = 1.0;

/// What a user asked for; `None` is left to the model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Asked {
    /// Steps of the sampler.
    pub steps: Option<usize>,
    /// Classifier-free guidance.
    pub guidance: Option<Guidance>,
    /// Which levels of noise are picked.
    pub spacing: Option<TimestepSpacing>,
    /// What the UNet answers with.
    pub prediction: Option<Prediction>,
}

impl Asked {
    /// What a request asks for.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let Request { steps, guidance, spacing, prediction, .. } = *request;
        Self { steps, guidance, spacing, prediction }
    }

    /// What is left open here, as another one has it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            steps: self.steps.or(other.steps),
            guidance: self.guidance.or(other.guidance),
            spacing: self.spacing.or(other.spacing),
            prediction: self.prediction.or(other.prediction),
        }
    }
}

/// How pictures of a model are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Calls of the UNet, or pairs of calls with guidance.
    pub steps: usize,
    /// How far to go from the answer without the prompt towards the one with it. Up to 1 there is no guidance,
    /// and only the answer with the prompt is asked for.
    pub guidance: f32,
    /// The schedule, and what the UNet answers with.
    pub scheduler: SchedulerConfig,
    /// Sentences about what was asked for and does not suit the model.
    pub warnings: Vec<Message>,
}

impl Settings {
    /// The settings of a model. `unet` is the file that the UNet comes from (a single file or `--unet`), or the
    /// model's folder; `scheduler` is what a folder's `scheduler_config.json` says, absent for a single file.
    pub fn choose(unet: &Path, scheduler: Option<SchedulerConfig>, asked: Asked) -> Result<Self> {
        let mut settings = match Lightning::of(unet) {
            Some(lightning) => lightning.settings(scheduler),
            None => of_schedule(scheduler.unwrap_or_else(SchedulerConfig::sdxl)),
        };
        settings.warnings.extend(settings.scheduler.notes.iter().cloned());
        let lightning = Lightning::of(unet).map(|lightning| lightning.steps);
        settings.ask(asked, lightning);
        let levels = settings.scheduler.num_train_timesteps;
        if !(1..=levels).contains(&settings.steps) {
            let what = format!(" {} does not fit this model; use 1 to {levels}", settings.steps);
            return Err(Error::Request(Message::of(Setting::Steps).text(what)));
        }
        Ok(settings)
    }

    /// Whether the UNet is asked twice a step.
    pub fn guided(&self) -> bool {
        self.guidance > GUIDED_ABOVE
    }

    /// Do as asked, and say what it means for a model that was made for something else.
    fn ask(&mut self, asked: Asked, made_for: Option<usize>) {
        self.steps = asked.steps.unwrap_or(self.steps);
        let distilled = self.scheduler.timestep_spacing == TimestepSpacing::Trailing;
        let own = self.guidance;
        self.guidance = asked.guidance.map_or(own, Guidance::value);
        if let Some(Guidance::Suggested(_)) = asked.guidance
            && distilled
            && self.guided()
        {
            let made = Message::from("this model was made to draw without guidance; ");
            let what = format!(" {} is not used", self.guidance);
            self.warnings.push(made.setting(Setting::Guidance).text(what));
            self.guidance = own;
        }
        self.scheduler.timestep_spacing = asked.spacing.unwrap_or(self.scheduler.timestep_spacing);
        self.scheduler.prediction = asked.prediction.unwrap_or(self.scheduler.prediction);
        match made_for {
            Some(steps) if steps != self.steps => {
                let made = Message::from(format!("this model was made for {}; with ", count(steps)));
                let what = format!(" {} expect a worse picture", self.steps);
                self.warnings.push(made.setting(Setting::Steps).text(what));
            }
            _ => {}
        }
        if distilled && asked.guidance.is_some() && self.guided() {
            let made = Message::from("this model was made to draw without guidance; ");
            let what = format!(" {} doubles the work and may burn the colours", self.guidance);
            self.warnings.push(made.setting(Setting::Guidance).text(what));
        }
    }
}

/// A Lightning UNet, as its name tells: `sdxl_lightning_4step.safetensors`, `sdxl_lightning_1step_unet_x0.…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lightning {
    /// The number of steps that it was distilled for.
    pub steps: usize,
    /// What it answers with.
    pub prediction: Prediction,
}

impl Lightning {
    /// What a file's name says. Folders, other models and LoRAs (`…_lora.safetensors`, which are not whole UNets)
    /// are none.
    pub fn of(file: &Path) -> Option<Self> {
        let name = file.file_name()?.to_str()?.to_ascii_lowercase().replace('-', "_");
        let rest = name.strip_suffix(".safetensors")?;
        let rest = rest.split_once("sdxl_lightning_")?.1;
        let (steps, rest) = rest.split_once("step")?;
        let steps = steps.trim_end_matches('_').parse().ok().filter(|steps| (1..=64).contains(steps))?;
        let words: Vec<&str> = rest.split(['_', '.']).collect();
        if words.contains(&"lora") {
            return None;
        }
        // There is no one-step model in ε form: at σ = 14.6 its error would be multiplied by 14.6.
        let x0 = steps == 1 || words.contains(&"x0");
        Some(Self { steps, prediction: if x0 { Prediction::Sample } else { Prediction::Epsilon } })
    }

    /// Trailing and without guidance, whatever the folder that the UNet is put into says: that is SDXL base's.
    fn settings(self, scheduler: Option<SchedulerConfig>) -> Settings {
        let scheduler = SchedulerConfig {
            timestep_spacing: TimestepSpacing::Trailing,
            prediction: self.prediction,
            ..scheduler.unwrap_or_else(SchedulerConfig::sdxl)
        };
        Settings { steps: self.steps, guidance: 0.0, scheduler, warnings: Vec::new() }
    }
}

/// Trailing spacing is what distilled models are published with; they want few steps and no guidance.
fn of_schedule(scheduler: SchedulerConfig) -> Settings {
    let distilled = scheduler.timestep_spacing == TimestepSpacing::Trailing;
    let (steps, guidance) = match (distilled, scheduler.prediction) {
        (true, Prediction::Sample) => (1, 0.0),
        (true, _) => (DISTILLED_STEPS, 0.0),
        (false, _) => (STEPS, GUIDANCE),
    };
    Settings { steps, guidance, scheduler, warnings: Vec::new() }
}

fn count(steps: usize) -> String {
    if steps == 1 { "1 step".into() } else { format!("{steps} steps") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        name: &str,
        scheduler: Option<SchedulerConfig>,
        steps: Option<usize>,
        guidance: Option<f32>,
    ) -> Settings {
        let guidance = guidance.map(Guidance::Exactly);
        Settings::choose(Path::new(name), scheduler, Asked { steps, guidance, ..Asked::default() }).unwrap()
    }

    fn trailing() -> SchedulerConfig {
        SchedulerConfig { timestep_spacing: TimestepSpacing::Trailing, ..SchedulerConfig::sdxl() }
    }

    #[test]
    fn a_lightning_file_is_known_by_its_name() {
        let known = [
            ("sdxl_lightning_2step.safetensors", 2, Prediction::Epsilon),
            ("models/sdxl_lightning_4step_unet.safetensors", 4, Prediction::Epsilon),
            ("SDXL-Lightning-8step-unet.fp16.safetensors", 8, Prediction::Epsilon),
            ("sdxl_lightning_1step_x0.safetensors", 1, Prediction::Sample),
            ("sdxl_lightning_1step_unet_x0.safetensors", 1, Prediction::Sample),
        ];
        for (name, steps, prediction) in known {
            assert_eq!(Lightning::of(Path::new(name)), Some(Lightning { steps, prediction }), "{name}");
        }
    }

    #[test]
    fn other_names_and_loras_are_not_lightning() {
        let others = [
            "sdxl_lightning_4step_lora.safetensors",
            "sd_xl_base_1.0.safetensors",
            "sdxl_lightning.safetensors",
            "sdxl_lightning_0step.safetensors",
            "sdxl_lightning_xstep.safetensors",
            "sdxl_lightning_4step",
            "sdxl_lightning_4step.ckpt",
            "",
            "..",
        ];
        for name in others {
            assert_eq!(Lightning::of(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn lightning_decides_even_inside_another_models_folder() {
        let settings =
            choose("sdxl_lightning_1step_unet_x0.safetensors", Some(SchedulerConfig::sdxl()), None, None);
        assert_eq!((settings.steps, settings.guidance, settings.guided()), (1, 0.0, false));
        assert_eq!(settings.scheduler, SchedulerConfig { prediction: Prediction::Sample, ..trailing() });
        assert_eq!(settings.warnings, []);
    }

    #[test]
    fn a_folders_schedule_decides_whatever_the_number_of_steps() {
        let settings = choose("models/sdxl", Some(SchedulerConfig::sdxl()), Some(4), None);
        assert_eq!(settings.scheduler.timestep_spacing, TimestepSpacing::Leading);
        assert_eq!((settings.steps, settings.guidance), (4, 5.0));
        let settings = choose("models/demo", Some(trailing()), Some(8), None);
        assert_eq!((settings.steps, settings.guidance, settings.warnings.len()), (8, 0.0, 0));
    }

    #[test]
    fn models_without_a_name_have_defaults_by_their_schedule() {
        assert_eq!(choose("models/demo", Some(trailing()), None, None).steps, 4);
        let base = choose("sd_xl_base_1.0.safetensors", None, None, None);
        assert_eq!((base.steps, base.guidance, base.scheduler), (30, 5.0, SchedulerConfig::sdxl()));
    }

    #[test]
    fn what_does_not_suit_a_model_is_done_with_a_warning() {
        let settings = choose("sdxl_lightning_4step.safetensors", None, Some(6), Some(7.5));
        assert_eq!((settings.steps, settings.guidance, settings.guided()), (6, 7.5, true));
        let warnings: Vec<String> = settings.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings[0].contains("made for 4 steps; with --steps 6"), "{warnings:?}");
        assert!(warnings[1].contains("--guidance 7.5"), "{warnings:?}");
        // Elsewhere a CFG scale of 1 means no guidance.
        assert_eq!(choose("sdxl_lightning_4step.safetensors", None, Some(4), Some(1.0)).warnings, []);
    }

    #[test]
    fn more_steps_than_levels_are_refused() {
        let asked = Asked { steps: Some(1001), ..Asked::default() };
        let error = Settings::choose(Path::new("a.safetensors"), None, asked).unwrap_err().to_string();
        assert!(error.contains("--steps 1001") && error.contains("1 to 1000"), "{error}");
    }
}
