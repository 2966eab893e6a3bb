//! Everything that a request leaves open, decided before anything is computed.

use std::path::Path;

use super::Outlook;
use crate::Result;
use crate::graph::Shape;
use crate::message::{Message, Setting};
use crate::noise::Rng;
use crate::picture::Parameters;
use crate::request::{Request, check_pixels};
use crate::schedule::{Schedule, TimestepSpacing};
use crate::settings::{Asked, Settings};
use crate::vae::VaeConfig;

/// What will be drawn, and how.
#[derive(Debug, Clone)]
pub struct DrawPlan {
    /// Picture pixels.
    pub width: usize,
    /// Picture pixels.
    pub height: usize,
    /// Pictures; they use seeds `seed`, `seed + 1`, …
    pub images: usize,
    /// The model's name: its file's or folder's.
    pub model: String,
    /// Of the first picture.
    pub seed: u64,
    /// The generator of the first latents.
    pub rng: Rng,
    /// Steps, guidance, schedule.
    pub settings: Settings,
    /// Timesteps and sigmas.
    pub schedule: Schedule,
    /// What the user should know before the start.
    pub warnings: Vec<Message>,
}

impl DrawPlan {
    pub(super) fn new(request: &Request, outlook: &Outlook) -> Result<Self> {
        request.validate()?;
        let own = outlook.own_size;
        let (width, height) = (request.width.unwrap_or(own), request.height.unwrap_or(own));
        check_pixels(width, height)?;
        let settings = outlook.settings(Asked::of(request))?;
        let schedule = Schedule::new(&settings.scheduler, settings.steps)?;
        let mut warnings = settings.warnings.clone();
        warnings.extend(far_from_own_size(width, height, own));
        warnings.extend(outlook.too_long(Setting::Prompt, &request.prompt));
        let negative = request.negative_prompt.as_deref().filter(|negative| !negative.trim().is_empty());
        warnings.extend(negative.and_then(|negative| {
            if settings.guided() {
                return outlook.too_long(Setting::Negative, negative);
            }
            Some(Message::of(Setting::Negative).text(" has no effect: the picture is drawn without guidance"))
        }));
        let seed = request.seed.unwrap_or_else(fresh_seed);
        let Request { images, rng, .. } = *request;
        let model = name(outlook.file());
        Ok(Self { width, height, images, model, seed, rng, settings, schedule, warnings })
    }

    /// The settings of one picture, as they are written into its file.
    pub(super) fn parameters(&self, request: &Request, seed: u64) -> Parameters {
        let schedule = match self.settings.scheduler.timestep_spacing {
            TimestepSpacing::Trailing => "Trailing",
            TimestepSpacing::Leading => "Leading",
            TimestepSpacing::Linspace => "Linspace",
        };
        Parameters {
            prompt: request.prompt.clone(),
            negative_prompt: request.negative_prompt.clone(),
            steps: self.settings.steps,
            sampler: "Euler".into(),
            schedule: schedule.into(),
            guidance: self.settings.guidance,
            seed,
            width: self.width,
            height: self.height,
            model: self.model.clone(),
            rng: self.rng,
            version: Parameters::this_version(),
        }
    }

    /// `[1, or 2 with guidance, height / 8, width / 8, latent channels]`.
    pub(super) fn latents(&self, vae: &VaeConfig) -> Shape {
        let scale = vae.scale();
        let images = if self.settings.guided() { 2 } else { 1 };
        Shape::image(images, self.height / scale, self.width / scale, vae.latent_channels)
    }
}

/// What a file or folder is called, without `.safetensors`.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    name.trim_end_matches(".safetensors").to_owned()
}

/// A model knows pictures of about one area; others it draws, with faults that can be foretold.
fn far_from_own_size(width: usize, height: usize, own: usize) -> Option<Message> {
    let ratio = (width * height) as f64 / (own * own) as f64;
    let expect = match ratio {
        r if r > 2.0 => "expect repeated subjects",
        r if r < 0.5 => "expect cropped or blurred subjects",
        _ => return None,
    };
    Some(format!("{width}×{height} is far from the model's own {own}×{own}: {expect}").into())
}

/// Another seed for every run, small enough to be typed again.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) >> 32
}
