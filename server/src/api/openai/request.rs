//! A request, in types.

use fulmen_engine::picture::JPEG_QUALITY;

use super::fields::GENERATIONS;
use super::quality::Quality;
use crate::api::picture::{Output, format, sampling, seed};
use crate::fields::Values;
use crate::jobs::{Members, ModelInfo, Models, Spec};
use crate::warning::Warning;

/// The size of `auto`, and of no size, where no image has one.
const USUAL_SIZE: (usize, usize) = (1024, 1024);

/// What the names of models begin with whose clients send no `response_format` and read `b64_json`.
const FILE_MODELS: &[&str] = &["gpt-image", "chatgpt-image"];

/// A request, in types.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) kind: Kind,
    pub(super) spec: Spec,
    /// Where the spec's numbers come from.
    pub(super) members: Members,
    pub(super) output: Output,
    /// The files themselves rather than links to them.
    pub(super) b64: bool,
    /// Answer with events.
    pub(super) stream: bool,
    /// Previews of each picture, where events are answered.
    pub(super) previews: usize,
    /// Said again in the answer.
    pub(super) quality: String,
    /// What the caller should know.
    pub(super) warnings: Vec<Warning>,
}

/// What is asked for: pictures, or an image in another form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Generation,
    Edit,
}

impl Kind {
    /// What the names of its events begin with.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Generation => "image_generation",
            Self::Edit => "image_edit",
        }
    }
}

impl Generation {
    /// What the members of a checked body ask for, but for its images. `own` is the size of the one that is drawn over.
    pub(super) fn new(
        values: &Values,
        model: &ModelInfo,
        (kind, own): (Kind, Option<(usize, usize)>),
    ) -> Self {
        let mut warnings = values.warnings(&[&model.name]);
        let (width, height) = size(values, own, &mut warnings);
        let better = Quality::of(values, model, (width, height), &mut warnings);
        let looks = values.looks(GENERATIONS);
        let stream = values.flag("stream").unwrap_or(false);
        let spec = Spec {
            model: Some(model.name.clone()),
            prompt: [&[values.text("prompt").unwrap_or_default()], &looks.words[..]].concat().join(", "),
            negative_prompt: values.text("negative_prompt").map(Into::into),
            width,
            height,
            images: values.integer("n").unwrap_or(1) as usize,
            seed: seed(values, &mut warnings),
            steps: better.steps,
            drawn: better.drawn,
            finish: better.on(looks.finish),
            transparent: is_transparent(values, &mut warnings),
            ..sampling(values)
        };
        // 0 is a compression that clients may ask for, and no quality of a JPEG.
        let quality = values.integer("output_compression").map(|quality| quality.max(1) as u8);
        let quality = quality.unwrap_or(JPEG_QUALITY);
        Self {
            kind,
            spec,
            members: members(values),
            output: Output { format: format(values.text("output_format")), quality },
            b64: is_b64(values, stream, &mut warnings),
            stream,
            previews: values.integer("partial_images").filter(|_| stream).unwrap_or(0) as usize,
            quality: values.text("quality").unwrap_or_default().to_owned(),
            warnings,
        }
    }

    /// `1024x768`
    pub(super) fn size(&self) -> String {
        format!("{}x{}", self.spec.width, self.spec.height)
    }
}

/// The model that `model` names; the first where it names none.
pub(super) fn chosen<'m>(values: &Values, models: &'m Models) -> &'m ModelInfo {
    let named = values.text("model").and_then(|name| models.named(name));
    &named.unwrap_or(models.first()).info
}

/// Whether the background is to be transparent.
fn is_transparent(values: &Values, warnings: &mut Vec<Warning>) -> bool {
    let background = values.text("background").unwrap_or_default();
    let is_jpeg = values.text("output_format") == Some("jpeg");
    let why = match background {
        "transparent" if is_jpeg => "a JPEG has no transparent pixels; ask for png or webp",
        "transparent" => return true,
        "" | "auto" | "opaque" => return false,
        _ => "only `transparent` and `opaque` are known",
    };
    let message = format!("`background` has no effect here: {why}");
    warnings.push(Warning::no_effect("background", message));
    false
}

/// The members that the spec's numbers come from.
fn members(values: &Values) -> Members {
    let first =
        |names: [&'static str; 2], last| names.into_iter().find(|name| values.has(name)).unwrap_or(last);
    Members {
        width: first(["width", "width"], "size"),
        height: first(["height", "height"], "size"),
        images: Some("n"),
        steps: first(["steps", "num_inference_steps"], "quality"),
    }
}

/// `width` and `height`, each of which comes before its half of `size`.
fn size(values: &Values, own: Option<(usize, usize)>, warnings: &mut Vec<Warning>) -> (usize, usize) {
    let said = values.size("size").or(own).unwrap_or(USUAL_SIZE);
    let side = |name, of_size| values.integer(name).map_or(of_size, |side| side as usize);
    let size = (side("width", said.0), side("height", said.1));
    if values.is_unusual("size") && values.size("size").is_some() && size != said {
        let message = format!("`size` is overruled by `width` and `height`: {}x{} is drawn", size.0, size.1);
        warnings.push(Warning::no_effect("size", message));
    }
    size
}

/// Whether the answer holds files. Clients of the models that answer nothing else send no `response_format`.
fn is_b64(values: &Values, stream: bool, warnings: &mut Vec<Warning>) -> bool {
    let asked = values.text("response_format").filter(|_| values.has("response_format"));
    if stream && asked == Some("url") {
        let message = "`response_format`: \"url\" has no effect where `stream` is true: events hold files";
        warnings.push(Warning::no_effect("response_format", message));
    }
    // Gateways put the vendor's name in front: `openai/gpt-image-1`.
    let name = values.text("model").unwrap_or_default().to_ascii_lowercase();
    let name = name.rsplit('/').next().unwrap_or_default();
    match asked {
        Some(word) => word != "url",
        None => FILE_MODELS.iter().any(|begin| name.starts_with(begin)),
    }
}
