//! Everything that a request leaves open, decided before anything is computed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::Frame;
use super::{Outlook, Prompts};
use crate::backend::CancelToken;
use crate::controlnet::GuideNet;
use crate::edit::Preprocessor;
use crate::graph::{Shape, Tiling};
use crate::init::{Init, InitLatents, Sizes};
use crate::layer_diffuse::LayerDiffuseFiles;
use crate::message::{Message, Setting};
use crate::noise::Rng;
use crate::picture::{LONGEST_SIDE, Parameters};
use crate::request::{Control, ImagePrompt, Request, SecondPass, Transparency, Upscale, check_pixels};
use crate::schedule::{Grid, Schedule, SchedulerConfig, Sigmas, TimestepSpacing};
use crate::settings::{AttentionGuidance, Settings};
use crate::unet::UNetInputs;
use crate::vae::LatentSpace;
use crate::weights::LoraFile;
use crate::{Error, Result};

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
    /// The LoRAs that the model was opened with, and their weights.
    pub model_loras: Vec<(String, f32)>,
    /// The VAE that the model was opened with in place of its own.
    pub vae: Option<String>,
    /// Those that the prompt asks for.
    pub loras: Vec<LoraFile>,
    /// A picture to draw over.
    pub init: Option<Init>,
    /// Pictures that they are to be like.
    pub image_prompts: Vec<ImagePrompt>,
    /// The tokens of each of these, once its adapter is open.
    pub(super) image_tokens: Vec<usize>,
    /// Latents to begin from.
    pub init_latents: Option<InitLatents>,
    /// Channels that the UNet is given beside the latents.
    pub(super) beside: usize,
    /// Pictures that guide what is drawn.
    pub controls: Vec<Control>,
    /// The net of each of these, once it is open.
    pub(super) nets: Vec<Arc<GuideNet>>,
    /// How they become transparent.
    pub transparency: Option<Transparency>,
    /// Where pictures continue on their opposite sides.
    pub tiling: Tiling,
    /// A second pass, with its width and height.
    pub second_pass: Option<(SecondPass, (usize, usize))>,
    /// How finished pictures are enlarged.
    pub upscale: Option<Upscale>,
    /// Of the first picture.
    pub seed: u64,
    /// The generator of the first latents.
    pub rng: Rng,
    /// Both prompts, read.
    pub prompts: Prompts,
    /// Steps, guidance, schedule.
    pub settings: Settings,
    /// Timesteps and sigmas.
    pub schedule: Schedule,
    /// What the user should know before the start.
    pub warnings: Vec<Message>,
}

impl DrawPlan {
    pub(super) fn new(request: &Request, outlook: &Outlook, cancel: &CancelToken) -> Result<Self> {
        request.validate()?;
        let own = outlook.own_size;
        let (width, height) = size(request, outlook)?;
        check_grain([(Setting::Width, width), (Setting::Height, height)], outlook.grain)?;
        let (mut loras, of_loras) = outlook.asked_loras(request, cancel)?;
        let settings = outlook.settings_under(&loras, request)?;
        if let Some(Transparency::LayerDiffuse(folder)) = &request.transparency {
            loras.push(LoraFile::new(LayerDiffuseFiles::find(folder)?.change, 1.0));
        }
        let schedule = Schedule::new(&settings.scheduler, settings.steps)?;
        let mut warnings = settings.warnings.clone();
        warnings.extend(outlook.check_init(request, schedule.steps())?);
        let asked = [request.width, request.height];
        warnings.extend(request.init.as_ref().and_then(|init| init.cut(asked, outlook.grain)));
        warnings.extend(of_loras);
        warnings.extend(far_from_own_size(width, height, own));
        let (prompts, about) = outlook.prompts(request, &settings);
        warnings.extend(about);
        let seed = request.seed.unwrap_or_else(fresh_seed);
        let Request { images, rng, tiling, .. } = *request;
        let (model, (model_loras, vae)) = (name(outlook.file()), outlook.named_parts());
        let plan = Self {
            width,
            height,
            images,
            model,
            model_loras,
            vae,
            loras,
            init: request.init.clone(),
            image_prompts: request
                .image_prompts
                .iter()
                .filter(|prompt| prompt.scale != 0.0)
                .cloned()
                .collect(),
            image_tokens: vec![],
            init_latents: request.init_latents.clone(),
            beside: outlook.beside,
            controls: request.controls.iter().filter(|control| control.scale != 0.0).cloned().collect(),
            nets: vec![],
            transparency: request.transparency.clone(),
            tiling,
            second_pass: None,
            upscale: request.upscale.clone(),
            seed,
            rng,
            prompts,
            settings,
            schedule,
            warnings,
        };
        plan.with_second_pass(request, outlook.grain)
    }

    /// Whether pictures of both plans can be drawn side by side: the same model is asked for the same size in the same
    /// way. Prompts, seeds, steps and samplers are each picture's own.
    #[must_use]
    pub fn goes_with(&self, other: &Self) -> bool {
        let inputs = |plan: &Self| {
            let shape = Shape::image(1, plan.height, plan.width, 1);
            plan.unet_inputs(Frame { shape, tiling: plan.tiling }, 1)
        };
        let adapters = |plan: &Self| -> Vec<(PathBuf, usize)> {
            plan.image_prompts.iter().map(|prompt| (prompt.file.clone(), prompt.pictures.len())).collect()
        };
        let nets = |plan: &Self| -> Vec<PathBuf> {
            plan.controls.iter().map(|control| control.file.clone()).collect()
        };
        let alike = inputs(self) == inputs(other) && self.loras == other.loras;
        let after = |plan: &Self| (plan.upscale.clone(), plan.second_pass.clone());
        alike && adapters(self) == adapters(other) && nets(self) == nets(other) && after(self) == after(other)
    }

    /// Steps that are left out, for what is drawn over.
    pub(super) fn first_step(&self) -> usize {
        let steps = self.schedule.steps();
        match (&self.init, &self.init_latents) {
            (Some(init), _) => init.first_step(steps),
            (None, Some(latents)) => latents.first_step(steps),
            (None, None) => 0,
        }
    }

    /// Steps that each picture is drawn in, those of a second pass among them.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.schedule.steps() - self.first_step() + self.second().map_or(0, |second| second.steps())
    }

    /// The sizes of what the model draws and of what comes of it.
    pub(crate) fn sizes(&self) -> Sizes {
        let drawn = (self.width, self.height);
        let asked = [Some(self.width), Some(self.height)];
        self.init.as_ref().map_or(Sizes { drawn, whole: drawn }, |init| init.sizes(asked, 1))
    }

    /// Width and height of the finished pictures, before they are enlarged.
    #[must_use]
    pub fn finished_size(&self) -> (usize, usize) {
        self.second_sizes().unwrap_or_else(|| self.sizes()).whole
    }

    /// The settings of one picture, as they are written into its file.
    pub(super) fn parameters(&self, request: &Request, seed: u64) -> Parameters {
        let scheduler = &self.settings.scheduler;
        Parameters {
            prompt: request.prompt.clone(),
            negative_prompt: request.negative_prompt.clone(),
            steps: self.settings.steps,
            sampler: self.settings.scheduler.solver.sampler.a1111().into(),
            schedule: schedule_type(&self.settings.scheduler, self.settings.steps).into(),
            spacing: self.settings.scheduler.spacing(),
            guidance: self.settings.guidance,
            nag: self.attention_guidance().map(|nag| [nag.scale, nag.tau, nag.alpha]),
            seed,
            width: self.width,
            height: self.height,
            model: self.model.clone(),
            loras: self.model_loras.clone(),
            vae: self.vae.clone().unwrap_or_default(),
            eta: scheduler.solver.sampler.reads_eta().then_some(scheduler.solver.eta),
            rng: self.rng,
            extras: self.extras(),
            version: Parameters::this_version(),
        }
    }

    /// The settings that only some pictures have, as AUTOMATIC1111 calls them where it has them.
    fn extras(&self) -> Vec<(String, String)> {
        let tiling = match (self.tiling.x, self.tiling.y) {
            (false, false) => None,
            (true, true) => Some("True"),
            (true, false) => Some("x"),
            (false, true) => Some("y"),
        };
        let mut extras = self.init.as_ref().map_or(vec![], Init::record);
        extras.extend(self.second_record());
        extras.extend(tiling.map(|tiling| ("Tiling".to_owned(), tiling.to_owned())));
        let prompts = self.image_prompts.iter().map(|one| format!("{}: {}", name(&one.file), one.scale));
        let prompts: Vec<String> = prompts.collect();
        extras.extend((!prompts.is_empty()).then(|| ("IP-Adapter".to_owned(), prompts.join(", "))));
        let controls = self.controls.iter().enumerate();
        extras.extend(controls.map(|(place, control)| (format!("ControlNet {place}"), told(control))));
        let transparency = self.transparency.as_ref().map(|transparency| match transparency {
            Transparency::Matte => "matte",
            Transparency::LayerDiffuse(_) => "LayerDiffuse",
        });
        extras.extend(transparency.map(|by| ("Transparency".to_owned(), by.to_owned())));
        extras
    }

    /// Latents of one picture: `[1, height / scale, width / scale, channels]`.
    pub(super) fn frame(&self, of: LatentSpace) -> Frame {
        let shape = Shape::image(1, self.height / of.scale, self.width / of.scale, of.channels);
        Frame { shape, tiling: self.tiling }
    }

    /// What the UNet is given of so many pictures.
    pub(super) fn unet_inputs(&self, frame: Frame, pictures: usize) -> UNetInputs {
        let (images, tokens) = (pictures * self.copies(), self.prompts.tokens());
        let negative_tokens = self.attention_guidance().map(|_| tokens);
        let channels = frame.shape.channels + self.beside;
        let inputs = UNetInputs::new(Shape { images, channels, ..frame.shape }, tokens);
        let image_tokens = self.image_tokens.clone();
        UNetInputs { negative_tokens, image_tokens, tiling: frame.tiling, ..inputs }
    }

    /// How the negative prompt guides attention, where it does.
    pub(super) fn attention_guidance(&self) -> Option<AttentionGuidance> {
        self.settings.attention_guidance().filter(|_| self.prompts.negative.is_some())
    }

    /// How often the UNet is asked in a step: with guidance also without the prompt.
    pub(super) fn copies(&self) -> usize {
        if self.settings.guided() { 2 } else { 1 }
    }
}

/// What is asked for, or else what a picture to draw over has, or else the model's own.
fn size(request: &Request, outlook: &Outlook) -> Result<(usize, usize)> {
    let own = outlook.own_size;
    let (width, height) = match &request.init {
        Some(init) => init.sizes([request.width, request.height], outlook.grain).drawn,
        None => (request.width.unwrap_or(own), request.height.unwrap_or(own)),
    };
    check_pixels(width, height)?;
    if width.max(height) > LONGEST_SIDE {
        let what = Message::of(Setting::Init)
            .text(format!(" would be drawn at {width}x{height} pixels; give both "));
        return Err(Error::Request(what.setting(Setting::Width).text(" and ").setting(Setting::Height)));
    }
    Ok((width, height))
}

/// A model whose latents cover more pixels than SDXL's draws fewer sizes.
fn check_grain(sides: [(Setting, usize); 2], grain: usize) -> Result<()> {
    let Some((setting, side)) = sides.into_iter().find(|(_, side)| !side.is_multiple_of(grain)) else {
        return Ok(());
    };
    let next = side.next_multiple_of(grain);
    let what =
        format!(" {side} does not suit this model: one of its latents covers {grain} pixels; try {next}");
    Err(Error::Request(Message::of(setting).text(what)))
}

/// What AUTOMATIC1111 calls a schedule that picks these levels, or bends them in this way; nothing where it has none
/// like it.
fn schedule_type(scheduler: &SchedulerConfig, steps: usize) -> &'static str {
    let SchedulerConfig { grid, sigmas, timestep_spacing, steps_offset, .. } = *scheduler;
    let is_even = scheduler.num_train_timesteps.is_multiple_of(steps);
    match (sigmas, timestep_spacing, grid) {
        (Sigmas::SgmUniform, ..) => "SGM Uniform",
        (_, _, Grid::Origin(_) | Grid::From(_)) => "",
        (Sigmas::Karras, ..) => "Karras",
        (Sigmas::Exponential, ..) => "Exponential",
        (Sigmas::Beta, ..) => "Beta",
        (Sigmas::Model, TimestepSpacing::Trailing, _) => "SGM Uniform",
        (Sigmas::Model, TimestepSpacing::Linspace, Grid::Continuous) => "Uniform",
        (Sigmas::Model, TimestepSpacing::Linspace, Grid::OneMore) => "SGM Uniform",
        (Sigmas::Model, TimestepSpacing::Leading, Grid::Continuous | Grid::Whole)
            if is_even && steps_offset == 1 =>
        {
            "DDIM"
        }
        _ => "",
    }
}

/// How a picture guides, in the words of A1111's extension.
fn told(control: &Control) -> String {
    let Control { scale, start, end, guess, preprocessor, mode, .. } = control;
    let module = preprocessor.map_or("none", Preprocessor::word);
    let kind = mode.map(|mode| format!(", Kind: {}", mode.word())).unwrap_or_default();
    let guess = if *guess { ", Guess Mode: True" } else { "" };
    let model = name(&control.file);
    format!(
        "Module: {module}, Model: {model}, Weight: {scale}, Guidance Start: {start}, Guidance End: {end}{kind}{guess}"
    )
}

/// What a file or folder is called, without `.safetensors` or `.gguf`.
pub(super) fn name(path: &Path) -> String {
    let name = whole_name(path);
    name.strip_suffix(".safetensors").or(name.strip_suffix(".gguf")).unwrap_or(&name).to_owned()
}

/// The same with its ending, as the form calls VAEs.
pub(super) fn whole_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_called_without_their_endings_and_vaes_with_them() {
        for (path, model) in
            [("a/b.c.safetensors", "b.c"), ("b.gguf", "b"), ("folder", "folder"), ("a.ckpt", "a.ckpt")]
        {
            assert_eq!(name(Path::new(path)), model);
        }
        assert_eq!(whole_name(Path::new("vae/sdxl_vae.safetensors")), "sdxl_vae.safetensors");
    }

    #[test]
    fn schedules_are_called_as_the_form_calls_them_where_it_is_true() {
        use TimestepSpacing::{Leading, Linspace, Trailing};
        let sdxl = SchedulerConfig::sdxl();
        let spaced = |spacing| sdxl.clone().spaced(spacing);
        let karras = |grid, spacing| SchedulerConfig { sigmas: Sigmas::Karras, grid, ..spaced(spacing) };
        let cases = [
            (spaced(Trailing), 4, "SGM Uniform"),
            (spaced(Linspace), 4, "Uniform"),
            (spaced(Leading), 25, "DDIM"),
            // Theirs has one step more.
            (spaced(Leading), 30, ""),
            (SchedulerConfig { steps_offset: 0, ..sdxl.clone() }, 25, ""),
            (SchedulerConfig { grid: Grid::OneMore, ..spaced(Linspace) }, 20, "SGM Uniform"),
            (karras(Grid::OneMore, Trailing), 20, "Karras"),
            (karras(Grid::Continuous, Linspace), 20, "Karras"),
            (karras(Grid::Continuous, Trailing), 20, "Karras"),
            (SchedulerConfig { grid: Grid::Origin(50), ..spaced(Trailing) }, 4, ""),
        ];
        for (scheduler, steps, name) in cases {
            assert_eq!(schedule_type(&scheduler, steps), name, "{} in {steps} steps", scheduler.spacing());
        }
    }
}
