//! The second stage of the arguments: everything checked that can be checked without a model.

use std::path::{Path, PathBuf};

use fulmen_engine::engine::Options;
use fulmen_engine::request::{Request, Transparency};

use super::image_prompts;
use super::output::Output;
use super::{control, init, prompt};
use crate::args::{GenerateArgs, SeedArg};
use crate::failure::Failure;

/// What is to be done.
pub(super) struct Job {
    pub(super) options: Options,
    pub(super) request: Request,
    pub(super) output: Output,
    pub(super) trace: Option<PathBuf>,
    pub(super) json: bool,
    /// Whether nothing is to be drawn.
    pub(super) is_dry: bool,
    /// What the user should know before the start.
    pub(super) notes: Vec<String>,
}

impl Job {
    pub(super) fn new(args: GenerateArgs) -> Result<Self, Failure> {
        let output = Output::new(args.output, args.format.map(Into::into), args.png_text.is_full())?;
        let options = Options {
            model: args.model,
            parts: args.parts.paths(),
            preview_vae: args.parts.preview_vae,
            loras: args.loras,
            lora_folder: args.lora_dir,
            device: args.device.device()?,
            precision: args.precision.map(Into::into),
            once: true,
            ..args.memory.options()
        };
        let init = init::read(&args.init, args.prompt == "-")?;
        let prompt = prompt::read(args.prompt)?;
        let notes = [
            (prompt.trim().is_empty(), "the prompt is empty; the picture may show anything"),
            (
                args.ip_adapters.is_empty() && args.image_encoder.is_some(),
                "--image-encoder has no effect without --ip-adapter",
            ),
            (
                !args.transparent && args.layer_diffuse.is_some(),
                "--layer-diffuse has no effect without --transparent",
            ),
            (
                options.preview_vae.is_some(),
                "--preview-vae has no effect here; only the server shows previews",
            ),
            (
                control::is_idle(&args.control),
                "--control-start, --control-end and --control-guess have no effect without --control",
            ),
        ];
        let notes = notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note.to_owned()).collect();
        let image_prompts = image_prompts::read(args.ip_adapters, args.image_encoder.as_deref())?;
        let request = Request {
            image_prompts,
            transparency: args.transparent.then(|| transparency(args.layer_diffuse)),
            prompt,
            negative_prompt: args.negative,
            width: args.width,
            height: args.height,
            seed: args.seed.and_then(|SeedArg(seed)| seed),
            images: args.images,
            rng: args.rng.into(),
            controls: control::read(&args.control)?,
            tiling: args.tile.map(Into::into).unwrap_or_default(),
            init,
            second_pass: args.hires.second_pass(),
            upscale: args.enlarging.upscale(),
            ..args.drawing.request()
        };
        request.validate()?;
        if args.trace.as_deref() == Some(Path::new("-")) {
            return Err(Failure::Usage("--trace writes a file; give it a name".into()));
        }
        // Whatever cannot be written is known before minutes are spent on it.
        output.check(&request, args.json, args.trace.as_deref())?;
        let (json, is_dry) = (args.json, args.dry_run);
        Ok(Self { options, request, output, trace: args.trace, json, is_dry, notes })
    }
}

/// By LayerDiffuse's files where there are any.
fn transparency(layer_diffuse: Option<PathBuf>) -> Transparency {
    layer_diffuse.map_or(Transparency::Matte, Transparency::LayerDiffuse)
}
