//! What was asked, in types.

use fulmen_engine::picture::Format;

use super::fields::GENERATIONS;
use crate::api::picture::{format, fresh_seed};
use crate::fields::Values;
use crate::http::Request;
use crate::jobs::{Members, ModelInfo, Spec};
use crate::problem::Problem;

/// The size of `auto`, and of no size.
const USUAL_SIZE: (usize, usize) = (1024, 1024);

/// What was asked, in types.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) spec: Spec,
    /// Where the spec's numbers come from.
    pub(super) members: Members,
    pub(super) format: Format,
    /// The files themselves rather than links to them.
    pub(super) b64: bool,
    /// Answer with events.
    pub(super) stream: bool,
    /// Previews of each picture, where events are answered.
    pub(super) previews: usize,
    /// Said again in the answer.
    pub(super) quality: &'static str,
}

impl Generation {
    pub(super) fn of(request: &Request, model: &ModelInfo) -> Result<Self, Problem> {
        let values = Values::of(request, GENERATIONS)?;
        let (width, height) = values.size("size").unwrap_or(USUAL_SIZE);
        let hd = values.text("quality") == Some("hd");
        let asked = values.integer("steps").or_else(|| values.integer("num_inference_steps"));
        let stream = values.flag("stream").unwrap_or(false);
        let spec = Spec {
            prompt: values.text("prompt").unwrap_or_default().to_owned(),
            negative_prompt: values.text("negative_prompt").map(Into::into),
            width,
            height,
            images: values.integer("n").unwrap_or(1) as usize,
            seed: values.integer("seed").unwrap_or_else(fresh_seed),
            steps: asked.map(|steps| steps as usize).or(hd.then_some(model.hd_steps)),
            guidance: values.number("guidance_scale").map(|guidance| guidance as f32),
            contrast: None,
        };
        let steps = if values.has("steps") {
            "steps"
        } else if asked.is_some() {
            "num_inference_steps"
        } else {
            "quality"
        };
        Ok(Self {
            spec,
            members: Members { width: "size", height: "size", images: Some("n"), steps },
            format: format(values.text("output_format")),
            b64: values.text("response_format") == Some("b64_json"),
            stream,
            previews: values.integer("partial_images").filter(|_| stream).unwrap_or(0) as usize,
            quality: if hd { "high" } else { "medium" },
        })
    }

    /// `1024x768`
    pub(super) fn size(&self) -> String {
        format!("{}x{}", self.spec.width, self.spec.height)
    }
}
