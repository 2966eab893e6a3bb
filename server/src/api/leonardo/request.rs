//! A request, twice: as answers echo it, and as it is drawn.

use fulmen_engine::schedule::SamplerName;
use serde_json::{Map, Value, json};

use super::enhance::{Added, Reader, expanded};
use super::fields::GENERATION;
use super::model::names;
use super::sizes::Sizes;
use crate::api::picture::seed;
use crate::fields::{Looks, Values};
use crate::jobs::{ModelInfo, Spec};
use crate::warning::Warning;

/// The `contrast` and the `contrastRatio` that leave a picture as it is.
const NEUTRAL_CONTRAST: f64 = 3.5;
const NEUTRAL_RATIO: f64 = 0.5;

/// Members that answers give back as they were sent, under their documented names.
const ECHOED: &[(&str, &str)] = &[
    ("negative_prompt", "negativePrompt"),
    ("init_strength", "initStrength"),
    ("modelId", "modelId"),
    ("scheduler", "scheduler"),
    ("sd_version", "sdVersion"),
    ("photoReal", "photoReal"),
    ("promptMagic", "promptMagic"),
    ("promptMagicStrength", "promptMagicStrength"),
    ("promptMagicVersion", "promptMagicVersion"),
    ("ultra", "ultra"),
    ("alchemy", "alchemy"),
];

/// Hints that no documented answer has; given back where they were sent.
const HINTS: &[&str] = &[
    "contrast",
    "contrastRatio",
    "enhancePrompt",
    "expandedDomain",
    "fantasyAvatar",
    "highContrast",
    "highResolution",
];

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The members of the answers that are known from the beginning.
    pub(super) echo: Value,
    pub(super) spec: Spec,
    /// What the caller should know.
    pub(super) warnings: Vec<Warning>,
}

impl Asked {
    /// Decides everything that the request leaves open, so that a picture that has to be drawn again is the same.
    pub(super) fn of(values: &Values, model: &ModelInfo, reader: &Reader<'_>) -> Self {
        let mut warnings = values.warnings(&names(model).iter().map(String::as_str).collect::<Vec<_>>());
        let looks = values.looks(GENERATION);
        let enhance = values.flag("enhancePrompt").unwrap_or(false);
        let added = Added {
            style: if looks.raw { "NONE" } else { style(values) },
            words: &looks.words,
            enhance: enhance.then(|| values.text("enhancePromptInstruction").unwrap_or_default()),
        };
        let size = Sizes::of(values, &looks, model);
        let prompt = values.text("prompt").unwrap_or_default();
        let spec = Spec {
            model: Some(model.name.clone()),
            prompt: expanded(prompt, added, reader, &mut warnings),
            negative_prompt: negative_prompt(values, &looks),
            width: size.finished[0],
            height: size.finished[1],
            drawn: Some(size.drawn).filter(|drawn| *drawn != size.finished),
            pass: size.pass,
            upscale: size.upscale,
            images: values.integer("num_images").unwrap_or(1) as usize,
            seed: seed(values, &mut warnings),
            steps: steps(values, model, &mut warnings),
            guidance: values.number("guidance_scale").map(|guidance| guidance as f32),
            sampler: sampler(values).map(|sampler| sampler.word().to_owned()),
            contrast: contrast(values).filter(|_| !looks.raw).map(|factor| factor as f32),
            finish: looks.finish,
            weight: Some(looks.weight).filter(|weight| *weight != 1.0),
            transparent: values.text("transparency") == Some("foreground_only"),
            tiling: values.flag("tiling").unwrap_or(false),
            // The document has no members for the rest.
            ..Spec::default()
        };
        Self { echo: echo(values, &spec, model), spec, warnings }
    }
}

/// As many as were asked for. A distilled model does the number that it was made for: the documented ones are others.
fn steps(values: &Values, model: &ModelInfo, warnings: &mut Vec<Warning>) -> Option<usize> {
    let steps = values.integer("num_inference_steps").map(|steps| steps as usize);
    if let Some(steps) = steps.filter(|_| model.distilled && values.is_unusual("num_inference_steps")) {
        let message = format!(
            "`num_inference_steps`: {steps} has no effect: this model is distilled, and draws in {} steps",
            model.steps
        );
        warnings.push(Warning::no_effect("num_inference_steps", message));
    }
    steps.filter(|_| !model.distilled)
}

/// What is to be kept out: what the caller says, and what recipes add.
fn negative_prompt(values: &Values, looks: &Looks) -> Option<String> {
    let own = values.text("negative_prompt");
    if looks.avoid.is_empty() {
        return own.map(Into::into);
    }
    let own = own.filter(|own| !own.trim().is_empty());
    let parts: Vec<&str> = own.into_iter().chain(looks.avoid.iter().copied()).collect();
    Some(parts.join(", "))
}

/// The sampler that a documented word means; where none is asked for it is the model's own.
fn sampler(values: &Values) -> Option<SamplerName> {
    Some(match values.text("scheduler").filter(|_| values.has("scheduler"))? {
        "EULER_DISCRETE" => SamplerName::Euler,
        "LEONARDO" => SamplerName::UniPc,
        "KLMS" => SamplerName::Lms,
        "EULER_ANCESTRAL_DISCRETE" => SamplerName::EulerAncestral,
        "DDIM" => SamplerName::Ddim,
        "DPM_SOLVER" => SamplerName::Dpmpp2m,
        "PNDM" => SamplerName::Pndm,
        _ => return None,
    })
}

/// The style in effect: without alchemy the usual one is none.
fn style(values: &Values) -> &str {
    let alchemy = values.flag("alchemy").unwrap_or(true);
    match values.text("presetStyle") {
        Some(style) if alchemy || values.has("presetStyle") => style,
        _ => "NONE",
    }
}

fn echo(values: &Values, spec: &Spec, model: &ModelInfo) -> Value {
    let own = f64::from(model.guidance);
    let mut echo = json!({
        "prompt": values.text("prompt"),
        "public": values.flag("public").unwrap_or(false),
        "imageWidth": values.integer("width"),
        "imageHeight": values.integer("height"),
        "guidanceScale": values.number("guidance_scale").unwrap_or(own),
        "inferenceSteps": spec.steps.unwrap_or(model.steps),
        "presetStyle": style(values),
        "seed": spec.seed,
        "photoRealStrength": values.number("photoRealStrength").filter(|_| values.flag("photoReal") == Some(true)),
    });
    let more = ECHOED.iter().map(|(name, echoed)| ((*echoed).to_owned(), values.value(name).cloned().into()));
    let hints = HINTS.iter().filter_map(|name| Some(((*name).to_owned(), values.value(name)?.clone())));
    let members: Map<String, Value> = more.chain(hints).collect();
    echo.as_object_mut().expect("an object, as it stands above").extend(members);
    echo
}

/// How much more contrast the picture gets; `None` where nothing was said of it.
///
/// `contrast` 1…4.5 is a factor of 0.5…1.2 that rises by 0.2 for each 1; `contrastRatio` 0…1 is a factor of 0.75…1.25.
/// Both together multiply.
fn contrast(values: &Values) -> Option<f64> {
    let contrast = values.number("contrast").map(|contrast| 1.0 + (contrast - NEUTRAL_CONTRAST) * 0.2);
    let ratio = values.number("contrastRatio").map(|ratio| 1.0 + (ratio - NEUTRAL_RATIO) * 0.5);
    match (contrast, ratio) {
        (None, None) => None,
        (contrast, ratio) => Some(contrast.unwrap_or(1.0) * ratio.unwrap_or(1.0)),
    }
}
