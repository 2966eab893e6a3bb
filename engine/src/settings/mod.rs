//! How a model is drawn: steps, guidance, schedule, and why.
//!
//! What a model was made for is deduced (`clues`) from its name (`names`, `kinds`), from marks and metadata in its file
//! (`texts`), and from its folder's schedule. An operator's settings replace that; a caller's replace both, with a
//! warning where they do not suit the model.

mod clues;
mod kinds;
mod names;
#[cfg(test)]
mod tests;
mod texts;

pub use clues::Clues;

use crate::message::{Message, Setting};
use crate::request::{Guidance, Nag, Request};
use crate::schedule::{Grid, SamplerName, SchedulerConfig, Sigmas, TimestepSpacing};
use crate::{Error, Result};
use clues::Deduced;

/// Steps and guidance of an undistilled model.
const STEPS: usize = 30;
const GUIDANCE: f32 = 5.0;

/// No guidance: only above it does the UNet also predict without the prompt.
const UNGUIDED: f32 = 1.0;

/// The largest scale of attention guidance that few-step models tolerate.
const MOST_BORNE: f32 = 5.0;

/// Up to this many steps, leading timesteps skip the noisiest tenth of the levels.
const FEW_ON_LEADING: usize = 10;

/// More steps than this make a distilled model's pictures worse, whatever number it was made for.
const MANY: usize = 12;

/// Normalised attention guidance (arXiv 2505.21179).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionGuidance {
    /// How far attention is moved away from what it finds in the negative prompt; up to 1 has no effect.
    pub scale: f32,
    /// How much larger the output of attention may become, as a multiple.
    pub tau: f32,
    /// How much of it is blended in.
    pub alpha: f32,
}

impl AttentionGuidance {
    /// The defaults.
    const USUAL: Self = Self { scale: 3.0, tau: 2.5, alpha: 0.5 };

    fn ask(&mut self, nag: Nag) {
        self.scale = nag.scale.unwrap_or(self.scale);
        self.tau = nag.tau.unwrap_or(self.tau);
        self.alpha = nag.alpha.unwrap_or(self.alpha);
    }
}

/// How a model's pictures are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Calls of the UNet, or pairs of calls with guidance.
    pub steps: usize,
    /// Scale of classifier-free guidance. At 1 there is none, and the UNet predicts with the prompt alone.
    pub guidance: f32,
    /// What a negative prompt does without guidance.
    pub nag: AttentionGuidance,
    /// The schedule, and what the UNet predicts.
    pub scheduler: SchedulerConfig,
    /// Whether the model was made to draw in few steps and without guidance.
    pub distilled: bool,
    /// The one number of steps that it was made for.
    pub made_for: Option<usize>,
    /// Pixels of a side that the model was trained at, where that is not what its configuration says.
    pub side: Option<usize>,
    /// Why it is drawn so.
    pub because: String,
    /// Sentences about what was asked for but does not suit the model.
    pub warnings: Vec<Message>,
}

impl Settings {
    /// The settings of a model. `defaults` is what its operator has requests drawn with that leave something open.
    ///
    /// # Errors
    /// The model is not supported, or not in so many steps.
    pub fn choose(model: &Clues, defaults: &Request, request: &Request) -> Result<Self> {
        let Deduced { steps, guidance, distilled, made_for, side, scheduler, because, warnings } =
            model.deduce()?;
        let because = because.join("; ");
        // A schedule may have fewer levels than models are usually drawn in steps.
        let steps = steps.min(scheduler.num_train_timesteps.max(1));
        let nag = AttentionGuidance::USUAL;
        let mut settings =
            Self { steps, guidance, nag, scheduler, distilled, made_for, side, because, warnings };
        let fits = settings.warnings.len();
        settings.ask(defaults);
        // Callers are not told what they did not ask for.
        settings.warnings.truncate(fits);
        settings.made_for = defaults.steps.or(settings.made_for);
        settings.ask(request);
        // Of the sampler that draws in the end.
        settings.warnings.splice(0..0, settings.scheduler.notes());
        settings.warnings.extend(settings.unled(request));
        settings.say(defaults, request);
        let levels = settings.scheduler.num_train_timesteps;
        if !(1..=levels).contains(&settings.steps) {
            let what = format!(" {} does not fit this model; use 1 to {levels}", settings.steps);
            return Err(Error::Request(Message::of(Setting::Steps).text(what)));
        }
        settings.warnings.extend(settings.too_few());
        Ok(settings)
    }

    /// Whether the UNet is asked twice a step.
    pub(crate) fn guided(&self) -> bool {
        self.guidance > UNGUIDED
    }

    /// Attention guidance by a negative prompt; nothing where classifier-free guidance reads it, or it is turned off.
    pub(crate) fn attention_guidance(&self) -> Option<AttentionGuidance> {
        (!self.guided() && self.nag.scale > UNGUIDED && self.nag.alpha > 0.0).then_some(self.nag)
    }

    /// `4 steps without guidance on trailing timesteps, predicting epsilon: Lightning, by its name …`.
    #[must_use]
    pub fn line(&self) -> String {
        let guidance = if self.guided() {
            format!("with guidance {}", self.guidance)
        } else {
            "without guidance".into()
        };
        let sampler = match self.scheduler.solver.sampler {
            SamplerName::Euler => String::new(),
            sampler => format!(" of {}", sampler.word()),
        };
        format!(
            "{}{sampler} {guidance} on {} timesteps, predicting {}: {}",
            count(self.steps),
            self.scheduler.spacing(),
            self.scheduler.prediction.word(),
            self.because
        )
    }

    /// Do as asked, and say what it means for a model that was made for something else.
    fn ask(&mut self, asked: &Request) {
        if let Some(sampler) = asked.sampler {
            self.scheduler = self.scheduler.clone().sampled(sampler);
        }
        if let Some(spacing) = asked.spacing {
            self.scheduler = self.scheduler.clone().spaced(spacing);
        }
        self.scheduler.sigmas = asked.sigmas.unwrap_or(self.scheduler.sigmas);
        if let Some(eta) = asked.eta {
            self.warnings.extend(self.unread(eta));
            self.scheduler.solver.eta = eta;
        }
        self.scheduler.prediction = asked.prediction.unwrap_or(self.scheduler.prediction);
        if let Some(steps) = asked.steps {
            self.warnings.extend(self.unsuited(steps));
            self.steps = steps;
        }
        self.nag.ask(asked.nag);
        if let Some(guidance) = asked.guidance {
            // Whoever set the scale, or turned it off, meant it.
            let is_open = asked.has_negative() && asked.nag.scale.is_none();
            self.guide(guidance, is_open && self.attention_guidance().is_some());
        }
    }

    /// `nag` where the number may become the scale of attention guidance.
    fn guide(&mut self, guidance: Guidance, nag: bool) {
        let value = guidance.value();
        let made = Message::from("this model was made to draw without guidance; ").setting(Setting::Guidance);
        match guidance {
            _ if value <= UNGUIDED => self.guidance = UNGUIDED,
            Guidance::Suggested(_) if self.distilled && nag => {
                self.nag.scale = value.min(MOST_BORNE);
                let what = format!(
                    " {value} becomes attention guidance away from the negative prompt instead, with a scale of {}",
                    self.nag.scale
                );
                self.warnings.push(made.text(what));
            }
            Guidance::Suggested(_) if self.distilled => {
                // The operator may have insisted on another than the model's own.
                let why = match self.guided() {
                    true => Message::from(format!("guidance is {} here; ", self.guidance))
                        .setting(Setting::Guidance),
                    false => made,
                };
                let differs = value != self.guidance;
                self.warnings.extend(differs.then(|| why.text(format!(" {value} is not used"))));
            }
            _ => {
                let burnt = format!(" {value} doubles the time of a step and may oversaturate the colours");
                self.warnings.extend(self.distilled.then(|| made.text(burnt)));
                self.guidance = value;
            }
        }
    }

    /// That this sampler does not use η.
    fn unread(&self, eta: f32) -> Option<Message> {
        let sampler = self.scheduler.solver.sampler;
        let what = format!(" {eta} has no effect: only euler-a, ddim and tcd use it, not {}", sampler.word());
        (!sampler.reads_eta()).then(|| Message::of(Setting::Eta).text(what))
    }

    /// That nothing leads attention, or away from nothing.
    fn unled(&self, request: &Request) -> Option<Message> {
        let Nag { scale, tau, alpha } = request.nag;
        // Whoever turns it off knows that.
        if scale.is_some_and(|scale| scale <= UNGUIDED) || alpha == Some(0.0) {
            return None;
        }
        let settings = [(Setting::NagScale, scale), (Setting::NagTau, tau), (Setting::NagAlpha, alpha)];
        let (setting, value) = settings.into_iter().find_map(|(setting, value)| Some((setting, value?)))?;
        let why = match (request.has_negative(), self.guided()) {
            (false, _) => "there is no negative prompt",
            (true, true) => "with guidance, the negative prompt works by that",
            (true, false) => return None,
        };
        Some(Message::of(setting).text(format!(" {value} has no effect: {why}")))
    }

    /// That the model was made for another number of steps.
    fn unsuited(&self, steps: usize) -> Option<Message> {
        let made_for = match self.made_for {
            Some(own) if own != steps => count(own),
            None if self.distilled && steps > MANY => "few steps".into(),
            _ => return None,
        };
        let made = Message::from(format!("this model was made for {made_for}; with "));
        Some(made.setting(Setting::Steps).text(format!(" {steps} expect a worse picture")))
    }

    /// That so few steps skip the noisiest levels.
    fn too_few(&self) -> Option<Message> {
        let SchedulerConfig { grid, sigmas, timestep_spacing, .. } = self.scheduler;
        let is_spaced =
            matches!(grid, Grid::Continuous | Grid::Whole | Grid::OneMore) && sigmas == Sigmas::Model;
        let misses = match timestep_spacing {
            TimestepSpacing::Leading => self.steps <= FEW_ON_LEADING,
            TimestepSpacing::Linspace => self.steps == 1 && grid != Grid::OneMore,
            TimestepSpacing::Trailing => false,
        };
        let word = timestep_spacing.word();
        let what = format!("{} on {word} timesteps skip the noisiest levels; try ", count(self.steps));
        (is_spaced && misses).then(|| Message::from(what).setting(Setting::Spacing).text(" trailing"))
    }

    /// What of all this was asked for.
    fn say(&mut self, defaults: &Request, request: &Request) {
        for (asked, whose) in [(defaults, "as the operator set"), (request, "as asked")] {
            let words = asked_words(asked);
            if !words.is_empty() {
                self.because += &format!("; {} {whose}", words.join(", "));
            }
        }
    }
}

fn count(steps: usize) -> String {
    if steps == 1 { "1 step".into() } else { format!("{steps} steps") }
}

/// What a request asks for, in words.
fn asked_words(request: &Request) -> Vec<&'static str> {
    let asked = [
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("attention guidance", request.nag != Nag::default()),
        ("sampler", request.sampler.is_some()),
        ("sigmas", request.sigmas.is_some()),
        ("eta", request.eta.is_some()),
        ("spacing", request.spacing.is_some()),
        ("prediction", request.prediction.is_some()),
    ];
    asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(word, _)| word).collect()
}
