//! What is known about a model before anyone asks for a picture: its name, its marks, its own schedule.
//!
//! A mark in the file outweighs its folder's `scheduler_config.json`, which outweighs the name; only the
//! spacing is decided by a name that says how the model was distilled, because such folders are mostly saved with the
//! base's schedule. The folder that a file lies in is asked after the file. A UNet that is laid over a model has its
//! own name and marks; the schedule is then the base's.

use std::path::{Path, PathBuf};

use super::kinds::Found;
use super::names::{Words, is_number};
use super::texts;
use crate::message::{Message, Setting};
use crate::schedule::{Grid, Prediction, SchedulerConfig, TimestepSpacing};
use crate::weights::{About, Checkpoint};
use crate::{Error, Result};

/// Pixels of a side that SDXL-Turbo itself was trained at; what was merged with it keeps SDXL's.
const TURBO_SIDE: usize = 512;

/// Steps of distilled models for which no number is stated.
const FEW: usize = 4;

/// What is known about a model before anyone asks.
#[derive(Debug, Clone, Default)]
pub struct Clues {
    /// The path that the user gave last: of the model, or of the UNet laid over it.
    pub path: PathBuf,
    /// The absolute path, for `.` has no name; absent where it was not looked up.
    pub place: Option<PathBuf>,
    /// Whether that is a UNet laid over a model.
    pub is_laid: bool,
    /// What the model's folder says; absent for a single file.
    pub scheduler: Option<SchedulerConfig>,
    /// What the file says that the UNet comes from.
    pub about: About,
    /// The LoRAs that change it, in their order, with what their files say of themselves.
    pub loras: Vec<(PathBuf, About)>,
}

/// What follows from them.
#[derive(Debug, Clone)]
pub(super) struct Deduced {
    pub(super) steps: usize,
    pub(super) guidance: f32,
    pub(super) distilled: bool,
    /// The one number of steps that it was made for.
    pub(super) made_for: Option<usize>,
    pub(super) side: Option<usize>,
    pub(super) scheduler: SchedulerConfig,
    /// Why: one reason each.
    pub(super) because: Vec<String>,
    pub(super) warnings: Vec<Message>,
}

impl Clues {
    /// Those of a checkpoint. `scheduler` is its own schedule, if it brings one.
    #[must_use]
    pub fn of(checkpoint: &Checkpoint, scheduler: SchedulerConfig) -> Self {
        Self {
            path: checkpoint.file_name_hint().to_owned(),
            place: Some(checkpoint.place()),
            is_laid: checkpoint.is_laid(),
            scheduler: checkpoint.has_own_configs().then_some(scheduler),
            about: checkpoint.about().clone(),
            loras: checkpoint
                .loras()
                .iter()
                .filter(|lora| lora.weight() != 0.0)
                .map(|lora| (lora.adapter().path().to_owned(), lora.adapter().about().clone()))
                .collect(),
        }
    }

    /// The same with further LoRAs, of which only the names are known.
    pub(crate) fn under<'a>(mut self, loras: impl Iterator<Item = &'a Path>) -> Self {
        self.loras.extend(loras.map(|path| (path.to_owned(), About::default())));
        self
    }

    /// How the model was made to be drawn.
    pub(super) fn deduce(&self) -> Result<Deduced> {
        self.refuse()?;
        let words = Words::of_path(self.readable());
        let known = self.by_loras().or_else(|| self.by_name(&words)).or_else(|| self.by_texts());
        let known = known.or_else(|| self.by_folder()).or_else(|| self.by_description());
        let mut deduced = known.unwrap_or_else(|| self.by_schedule(&words));
        self.predict(&words, &mut deduced);
        Ok(deduced)
    }

    /// The path whose names are read.
    fn readable(&self) -> &Path {
        self.place.as_deref().unwrap_or(&self.path)
    }

    /// Refuses models whose latents are scaled channel by channel.
    fn refuse(&self) -> Result<()> {
        let scaled = ["edm_mean", "edm_std"];
        let Some(mark) = scaled.into_iter().find(|mark| self.about.has(mark)) else { return Ok(()) };
        let what = format!(
            "is a model with latents of its own scale, such as Playground v2.5 (it has the mark `{mark}`), which Fulmen \
             does not support yet; give a model made from SDXL base"
        );
        Err(Error::File { file: self.path.clone(), what })
    }

    /// The model's own schedule, or SDXL base's.
    fn own(&self) -> SchedulerConfig {
        self.scheduler.clone().unwrap_or_else(SchedulerConfig::sdxl)
    }

    /// Whether a schedule is there that was saved with this UNet.
    fn has_schedule(&self) -> bool {
        self.scheduler.is_some() && !self.is_laid
    }

    /// The last few-step LoRA.
    fn by_loras(&self) -> Option<Deduced> {
        self.loras.iter().rev().find_map(|(path, about)| {
            let words = Words::of_path(path);
            let name = || Some((words.name.as_str(), Found::even_of_lora(&words)?));
            let (by, found) = name().or_else(|| texts::kind_of_lora(about))?;
            Some(self.few(found, format!("{}, by the LoRA `{}`", found.kind.name, by.escape_debug())))
        })
    }

    fn by_name(&self, words: &Words) -> Option<Deduced> {
        let found = Found::even_of_lora(words)?;
        let because = format!("{}, by its name `{}`", found.kind.name, words.name.escape_debug());
        let is_turbo = found.kind.name == "Turbo" && words.words.iter().all(|word| is_plain(word));
        Some(Deduced { side: is_turbo.then_some(TURBO_SIDE), ..self.few(found, because) })
    }

    /// What the file's maker calls it, or made it from.
    fn by_texts(&self) -> Option<Deduced> {
        let (name, found) = texts::kind(&self.about)?;
        Some(self.by_text(name, found))
    }

    /// What its maker writes about it in sentences: weak evidence.
    fn by_description(&self) -> Option<Deduced> {
        let (name, found) = texts::described(&self.about)?;
        Some(self.by_text(name, found))
    }

    fn by_text(&self, name: &str, found: Found) -> Deduced {
        self.few(found, format!("{}, by `{name}` in the file", found.kind.name))
    }

    /// What the folder of a file is called: `Lightning/realvis.safetensors`. A model's folder has its own schedule.
    fn by_folder(&self) -> Option<Deduced> {
        let words = Words::of_folder(self.readable());
        let found = Found::surely(&words).filter(|_| !self.has_schedule())?;
        let because = format!("{}, by its folder's name `{}`", found.kind.name, words.name.escape_debug());
        Some(self.few(found, because))
    }

    /// A model of a few-step kind.
    fn few(&self, found: Found, because: String) -> Deduced {
        let own = self.own();
        // A folder knows its own UNet's prediction type better than any name.
        let prediction = if self.has_schedule() { own.prediction } else { Prediction::Epsilon };
        let prediction = found.prediction.unwrap_or(prediction);
        // Zero terminal SNR belongs to v-prediction: here to the base, not to this UNet.
        let zero_terminal_snr = own.zero_terminal_snr && prediction == own.prediction;
        Deduced {
            steps: found.steps,
            guidance: found.guidance,
            distilled: found.guidance <= super::UNGUIDED,
            made_for: found.stated.then_some(found.steps),
            side: None,
            scheduler: SchedulerConfig { prediction, zero_terminal_snr, ..found.schedule(own) },
            because: vec![because],
            warnings: vec![],
        }
    }

    /// Distilled models are saved with trailing levels, or with those of consistency models; they need few steps and no
    /// guidance. Undistilled v-prediction models are saved with trailing levels too.
    fn by_schedule(&self, words: &Words) -> Deduced {
        let scheduler = self.own();
        let prediction = self.prediction(words, scheduler.prediction);
        let is_v = prediction == Prediction::Velocity;
        let is_consistency = matches!(scheduler.grid, Grid::Origin(_)) && !(self.is_laid && is_v);
        let is_trailing = scheduler.timestep_spacing == TimestepSpacing::Trailing
            && !(is_v || scheduler.prediction == Prediction::Velocity);
        let distilled = is_consistency || is_trailing;
        let whose = if self.is_laid {
            "the scheduler_config.json of the model that the UNet lies over"
        } else {
            "its scheduler_config.json"
        };
        let because = match (&self.scheduler, is_consistency, is_trailing) {
            (None, ..) => "like SDXL base, for neither its name nor the file says otherwise".into(),
            (_, true, _) => format!("a consistency model, by {whose}"),
            (_, _, true) => format!("distilled, by the trailing timesteps in {whose}"),
            _ => format!("by {whose}"),
        };
        let steps = if prediction == Prediction::Sample { 1 } else { FEW };
        let (steps, guidance) =
            if distilled { (steps, super::UNGUIDED) } else { (super::STEPS, super::GUIDANCE) };
        let (because, warnings) = (vec![because], vec![]);
        Deduced { steps, guidance, distilled, made_for: None, side: None, scheduler, because, warnings }
    }

    /// What the UNet predicts: by a mark, by its name, or as `said`.
    fn prediction(&self, words: &Words, said: Prediction) -> Prediction {
        match texts::prediction(&self.about) {
            Some((prediction, _)) => prediction,
            None if !self.has_schedule() && named_v(words) => Prediction::Velocity,
            None => said,
        }
    }

    /// What the UNet predicts, and whether the noisiest level is noise alone.
    fn predict(&self, words: &Words, deduced: &mut Deduced) {
        if let Some(mark) = EDM_MARKS.into_iter().find(|mark| self.about.has(mark)) {
            deduced.scheduler = deduced.scheduler.clone().cosxl();
            deduced.because.push(format!("EDM noise with v prediction, by the mark `{mark}` in the file"));
            return;
        }
        let (marked, named) = (texts::prediction(&self.about), named_v(words));
        let scheduler = &mut deduced.scheduler;
        if let Some((prediction, by)) = &marked {
            scheduler.prediction = *prediction;
            if *prediction != Prediction::Epsilon {
                deduced.because.push(format!("{} prediction, by {by} in the file", prediction.word()));
            }
        } else if named && self.has_schedule() && scheduler.prediction != Prediction::Velocity {
            let said = scheduler.prediction.word();
            let what = format!(
                "this model's name says v-prediction, but its scheduler_config.json says {said}, which is used; if the \
                 picture is noise, try "
            );
            deduced.warnings.push(Message::from(what).setting(Setting::Prediction).text(" v"));
        } else if named && !self.has_schedule() {
            scheduler.prediction = Prediction::Velocity;
            deduced.because.push(format!("v prediction, by its name `{}`", words.name.escape_debug()));
        }
        if scheduler.prediction == Prediction::Velocity {
            self.end_in_noise(words, deduced);
        } else if words.has("cosxl") || words.have(&["cos", "xl"]) {
            let what = "this model's name says CosXL, but its file has no mark of CosXL's noise schedule; it is drawn like SDXL";
            deduced.warnings.push(what.into());
        }
    }

    /// Zero terminal SNR, which works only where the UNet does not predict noise: the noisiest level is nothing else.
    fn end_in_noise(&self, words: &Words, deduced: &mut Deduced) {
        let named = || (!self.has_schedule() && named_ztsnr(words)).then(|| "its name".to_owned());
        let Some(by) = texts::zero_snr(&self.about).or_else(named) else { return };
        deduced.scheduler.zero_terminal_snr = true;
        // Other spacings skip that level; a folder's own is kept.
        if !self.has_schedule() {
            let scheduler = deduced.scheduler.clone();
            let is_plain = scheduler.grid == Grid::Continuous;
            deduced.scheduler =
                if is_plain { scheduler.spaced(TimestepSpacing::Trailing) } else { scheduler };
        }
        deduced.because.push(format!("zero terminal SNR, by {by}"));
    }
}

/// By which CosXL is known.
const EDM_MARKS: [&str; 2] = ["edm_vpred.sigma_max", "edm_vpred.sigma_min"];

/// Whether a name says v-prediction.
fn named_v(words: &Words) -> bool {
    let starts = |word: &str, starts: &[&str]| starts.iter().any(|start| word.starts_with(start));
    let apart = |pair: &[String]| pair[0] == "v" && starts(&pair[1], &["pred", "param"]);
    let glued = |word: &String| word.contains("vpred") || word.contains("vparam");
    words.readings().iter().any(|Words { words, .. }| words.windows(2).any(apart) || words.iter().any(glued))
}

/// Whether a name says zero terminal SNR.
fn named_ztsnr(words: &Words) -> bool {
    let glued = |word: &String| ["ztsnr", "zsnr", "zerosnr"].iter().any(|snr| word.contains(snr));
    words.readings().iter().any(|words| words.words.iter().any(glued))
        || words.have(&["zero", "snr"])
        || words.have(&["zero", "terminal", "snr"])
}

/// A word that does not name something merged with SDXL-Turbo.
fn is_plain(word: &str) -> bool {
    const PLAIN: [&str; 13] = [
        "ai",
        "bf",
        "f",
        "fp",
        "pruned",
        "sd",
        "sdxl",
        "stability",
        "stabilityai",
        "turbo",
        "unet",
        "v",
        "xl",
    ];
    is_number(word) || PLAIN.contains(&word)
}
