//! The model as the server knows it, and what it is asked for.

use std::path::Path;

use fulmen_engine::graph::Tiling;
use fulmen_engine::init::Init;
use fulmen_engine::prompt::{LongPrompts, LoraTag, PromptSyntax};
use fulmen_engine::request::{Enlarged, Guidance, Nag, SecondPass, Transparency, Upscale};
use fulmen_engine::schedule::{Prediction, SamplerName, Sigmas, TimestepSpacing};
use fulmen_engine::settings::Settings;
use fulmen_engine::upscaler::Upscaler;
use fulmen_engine::{Engine, Request};

use super::size::in_own_area;
use super::spec::Axis;
use super::{Pictures, Spec, guides};
use crate::config::{ModelConfig, Nets};
use crate::fields::Pass;

/// Numbers of steps that distilled models are made for.
const DISTILLED_STEPS: [usize; 4] = [1, 2, 4, 8];

/// Operations of a step of SDXL's for a pixel.
const STEP: f64 = 6e6;

/// What clients call the model inside the program.
const DEMO: &str = "fulmen-demo";

/// What handlers say of the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelInfo {
    /// What clients call it: the id that it was started with, else its file's or folder's name.
    pub(crate) name: String,
    /// Pixels of a side that it was trained at.
    pub(crate) own_size: usize,
    /// Whether it is the small model inside the program, which is drawn at its own area and resampled.
    pub(crate) is_demo: bool,
    /// Whether it was made for one small number of steps.
    pub(crate) distilled: bool,
    pub(crate) steps: usize,
    /// Steps of `quality: hd`: the next number that the model knows from twice its own.
    pub(crate) hd_steps: usize,
    pub(crate) guidance: f32,
    /// Pixels of a side that a preview has at the most.
    pub(crate) largest_preview: usize,
    pub(crate) device: String,
    /// Networks beside it.
    pub(crate) nets: Nets,
    /// What the network that enlarges pictures does for a pixel, against a step of SDXL's; 0 without one.
    pub(crate) enlarging: f64,
}

impl ModelInfo {
    pub(super) fn of(engine: &Engine, model: &ModelConfig) -> fulmen_engine::Result<Self> {
        let plan = engine.plan(&Request::new(""))?;
        let Settings { distilled, steps, made_for, .. } = plan.settings;
        let hd_steps = match made_for {
            // Made for this number alone.
            Some(steps) => steps,
            None if distilled => {
                DISTILLED_STEPS.into_iter().find(|&known| known >= 2 * steps).unwrap_or(steps)
            }
            None => 2 * steps,
        };
        let is_demo = model.engine.model.is_none();
        let own_name = if is_demo { DEMO.into() } else { plan.model };
        Ok(Self {
            name: model.id.clone().unwrap_or(own_name),
            own_size: engine.own_size(),
            is_demo,
            distilled,
            steps,
            hd_steps,
            guidance: plan.settings.guidance,
            largest_preview: engine.largest_preview(),
            device: engine.device().to_owned(),
            nets: model.nets.clone(),
            enlarging: model.nets.upscaler.as_deref().map_or(Ok(0.0), enlarging)?,
        })
    }

    /// Pixels that the model itself draws for this request, at first.
    pub(super) fn drawn_size(&self, spec: &Spec) -> (usize, usize) {
        let (width, height) = spec.drawn.map_or((spec.width, spec.height), Into::into);
        if self.is_demo { in_own_area(self.own_size, width, height) } else { (width, height) }
    }

    /// Pixels that the engine makes of them.
    pub(super) fn made_size(&self, spec: &Spec) -> (usize, usize) {
        let upscaled = self.upscale(spec).and_then(|upscale| upscale.by).unwrap_or(1.0);
        // What is drawn of a part is put back into the whole.
        let ((width, height), ratio) = match spec.is_of_part() {
            true => ((spec.width, spec.height), upscaled / spec.upscale.unwrap_or(1.0)),
            false => (self.drawn_size(spec), spec.pass.map_or(1.0, |pass| pass.ratio) * upscaled),
        };
        let made = |side: usize| (side as f64 * ratio).ceil() as usize;
        (made(width), made(height))
    }

    /// The picture that is drawn over. Its mask is blurred as if it were drawn in the size that was asked for.
    fn init(&self, spec: &Spec, pictures: &Pictures) -> Option<Init> {
        let init = pictures.init(spec.init.as_ref()?)?;
        if !self.is_demo || spec.is_of_part() {
            return Some(init);
        }
        let width =
            spec.drawn.map_or(spec.width as f64 / spec.upscale.unwrap_or(1.0), |[width, _]| width as f64);
        let mask_blur = init.mask_blur * (self.drawn_size(spec).0 as f64 / width) as f32;
        Some(Init { mask_blur, ..init })
    }

    /// Pixels are enlarged, not latents: little is drawn anew, and that would leave those blurred.
    fn second_pass(&self, Pass { ratio, strength }: Pass) -> SecondPass {
        let of = Enlarged::Pixels(self.nets.upscaler.clone());
        SecondPass { ratio, denoising_strength: strength, of }
    }

    /// By a network where there is one; else the finished picture is resampled.
    fn upscale(&self, spec: &Spec) -> Option<Upscale> {
        let file = self.nets.upscaler.clone()?;
        Some(Upscale { file: Some(file), by: Some(spec.upscale?) })
    }

    /// By LayerDiffuse where its files are there; else the finished picture is given a matte.
    fn transparency(&self, spec: &Spec) -> Option<Transparency> {
        let folder = self.nets.layer_diffuse.clone().filter(|_| spec.transparent)?;
        Some(Transparency::LayerDiffuse(folder))
    }

    /// The engine's request for a job, drawn from these pictures; what names one that is not among them is left out.
    pub(super) fn request(&self, spec: &Spec, pictures: &Pictures) -> Request {
        let (width, height) = self.drawn_size(spec);
        Request {
            prompt: spec.prompt.clone(),
            negative_prompt: spec.negative_prompt.clone(),
            width: Some(width),
            height: Some(height),
            steps: spec.steps,
            guidance: spec.guidance.map(Guidance::Suggested),
            nag: Nag { scale: spec.nag_scale, tau: spec.nag_tau, alpha: spec.nag_alpha },
            sampler: meant(&SamplerName::WORDS, spec.sampler.as_deref()),
            sigmas: meant(&Sigmas::WORDS, spec.sigmas.as_deref()),
            eta: spec.eta,
            spacing: meant(&TimestepSpacing::WORDS, spec.spacing.as_deref()),
            prediction: meant(&Prediction::WORDS, spec.prediction.as_deref()),
            prompt_syntax: meant(&PromptSyntax::WORDS, spec.prompt_syntax.as_deref()),
            long_prompts: meant(&LongPrompts::WORDS, spec.long_prompts.as_deref()),
            weight: spec.weight.unwrap_or(1.0),
            loras: spec.loras.iter().map(lora).collect(),
            image_prompts: guides::image_prompt(&self.nets, spec, pictures).into_iter().collect(),
            controls: guides::controls(&self.nets, spec, pictures),
            transparency: self.transparency(spec),
            tiling: Tiling {
                x: spec.tiling && spec.tiling_axis != Some(Axis::Y),
                y: spec.tiling && spec.tiling_axis != Some(Axis::X),
            },
            second_pass: spec.pass.map(|pass| self.second_pass(pass)),
            upscale: self.upscale(spec),
            seed: Some(spec.seed),
            images: spec.images,
            init: self.init(spec, pictures),
            ..Request::default()
        }
    }
}

/// What a network that enlarges pictures does for each of their pixels, against a step of SDXL's.
fn enlarging(file: &Path) -> fulmen_engine::Result<f64> {
    Ok(Upscaler::open(file)?.operations() / STEP)
}

/// A LoRA that a request names, in the whole model.
fn lora((name, weight): &(String, f32)) -> LoraTag {
    LoraTag { name: name.clone(), text_encoder: *weight, unet: *weight }
}

/// What a word means.
fn meant<T: Copy>(words: &[(&str, T)], asked: Option<&str>) -> Option<T> {
    words.iter().find(|(word, _)| Some(*word) == asked).map(|(_, meaning)| *meaning)
}
