//! What is said while pictures are drawn, to a terminal, to a log, or to a program.

use std::path::PathBuf;

use fulmen_engine::backend::MemoryNeed;
use fulmen_engine::edit::Preprocessor;
use fulmen_engine::engine::{DrawPlan, DrawStage, Drawn, Engine, Event, Fit, Seconds};
use fulmen_engine::request::{Control, ControlMode, ImagePrompt};
use fulmen_engine::weights::Lora;
use serde::Serialize;

/// Someone who is told.
pub(super) trait Report {
    /// A device and a model are being opened.
    fn opening(&mut self);
    /// What will be drawn is known.
    fn plan(&mut self, plan: &PlanReport);
    /// Something happened in the engine.
    fn event(&mut self, event: &Event);
    /// A picture is in its file.
    fn saved(&mut self, saved: &Saved, drawn: &Drawn);
    /// All of them are.
    fn done(&mut self, done: &Done);
}

/// What will be drawn.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PlanReport {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) images: usize,
    /// Those that are run.
    pub(super) steps: usize,
    /// What is drawn over, where there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) init: Option<InitReport>,
    pub(super) guidance: f32,
    pub(super) sampler: &'static str,
    pub(super) spacing: String,
    pub(super) prediction: &'static str,
    /// All of this in a line, with the reasons.
    pub(super) assumed: String,
    pub(super) seed: u64,
    pub(super) device: String,
    pub(super) precision: String,
    pub(super) loras: Vec<LoraUse>,
    /// Pictures that guide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) controls: Vec<ControlUse>,
    pub(super) image_prompts: Vec<ImagePromptUse>,
}

/// A net that guides, and how.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ControlUse {
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    preprocessor: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    scale: f32,
    start: f64,
    end: f64,
    guess: bool,
}

impl ControlUse {
    fn of(control: &Control) -> Self {
        let Control { file, preprocessor, mode, scale, start, end, guess, .. } = control;
        Self {
            path: file.clone(),
            preprocessor: preprocessor.map(Preprocessor::word),
            kind: mode.map(ControlMode::word),
            scale: *scale,
            start: *start,
            end: *end,
            guess: *guess,
        }
    }
}

/// Pictures that a picture is to be like.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ImagePromptUse {
    path: PathBuf,
    pictures: usize,
    scale: f32,
}

impl ImagePromptUse {
    fn of(prompt: &ImagePrompt) -> Self {
        Self { path: prompt.file.clone(), pictures: prompt.pictures.len(), scale: prompt.scale }
    }
}

/// A picture that is drawn over.
#[derive(Debug, Clone, Serialize)]
pub(super) struct InitReport {
    pub(super) denoising_strength: f64,
    /// Of which the strength leaves those that are run.
    pub(super) of_steps: usize,
    /// Whether a part of it stays.
    pub(super) masked: bool,
    /// Of the finished picture.
    pub(super) finished_size: [usize; 2],
}

impl InitReport {
    fn of(plan: &DrawPlan) -> Option<Self> {
        let init = plan.init.as_ref()?;
        Some(Self {
            denoising_strength: init.denoising_strength,
            of_steps: plan.settings.steps,
            masked: init.mask.is_some() || init.outpaint.is_some(),
            finished_size: plan.finished_size().into(),
        })
    }
}

/// A LoRA, and how much of it is in the model.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LoraUse {
    path: PathBuf,
    weight: f32,
    used: usize,
    modules: usize,
    /// All of this in a line.
    #[serde(skip)]
    pub(super) line: String,
}

impl LoraUse {
    pub(super) fn of(lora: &Lora) -> Self {
        let adapter = lora.adapter();
        Self {
            path: adapter.path().to_path_buf(),
            weight: lora.weight(),
            used: lora.used(),
            modules: adapter.modules(),
            line: lora.to_string(),
        }
    }
}

impl PlanReport {
    pub(super) fn new(plan: &DrawPlan, engine: &Engine) -> Self {
        Self {
            width: plan.width,
            height: plan.height,
            images: plan.images,
            steps: plan.steps(),
            init: InitReport::of(plan),
            guidance: plan.settings.guidance,
            sampler: plan.settings.scheduler.solver.sampler.word(),
            spacing: plan.settings.scheduler.spacing(),
            prediction: plan.settings.scheduler.prediction.word(),
            assumed: plan.settings.line(),
            seed: plan.seed,
            device: engine.device().to_owned(),
            precision: engine.precision().to_string(),
            loras: engine.loras().iter().map(LoraUse::of).collect(),
            controls: plan.controls.iter().map(ControlUse::of).collect(),
            image_prompts: plan.image_prompts.iter().map(ImagePromptUse::of).collect(),
        }
    }
}

/// A picture in its file.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Saved {
    pub(super) path: PathBuf,
    pub(super) seed: u64,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Saved {
    pub(super) fn new(path: PathBuf, drawn: &Drawn) -> Self {
        Self { path, seed: drawn.seed, width: drawn.picture.width, height: drawn.picture.height }
    }
}

/// Seconds of the whole run.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct TotalSeconds {
    load: f64,
    text: f64,
    encode: f64,
    unet_steps: Vec<f64>,
    vae: f64,
    /// Of each picture.
    vae_decodes: Vec<f64>,
    upscale: f64,
    pub(super) total: f64,
}

impl TotalSeconds {
    /// Adds those of one picture.
    pub(super) fn add(&mut self, one: &Seconds) {
        self.load += one.load;
        self.text += one.text;
        self.encode += one.encode;
        self.unet_steps.extend(&one.unet_steps);
        self.vae += one.vae;
        self.vae_decodes.push(one.vae);
        self.upscale += one.upscale;
    }
}

/// The whole run.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Done {
    pub(super) pictures: Vec<Saved>,
    pub(super) seconds: TotalSeconds,
    pub(super) peak_rss_bytes: Option<u64>,
    pub(super) peak_anonymous_bytes: Option<u64>,
    pub(super) predicted_bytes: u64,
    pub(super) device: String,
}

/// A stage in words: `drawing picture 2 of 4`.
pub(super) fn words(stage: DrawStage, images: usize) -> String {
    let which =
        |image: usize| if images > 1 { format!(" picture {} of {images}", image + 1) } else { String::new() };
    match stage {
        DrawStage::Load => "preparing the model".into(),
        DrawStage::Text => "reading the prompt".into(),
        DrawStage::Encode => "encoding the picture to draw over".into(),
        DrawStage::Denoise(image) => format!("drawing{}", which(image)),
        DrawStage::Decode(image) => format!("decoding{}", which(image)),
        DrawStage::Upscale(image) => format!("enlarging{}", which(image)),
    }
}

/// `fox.png: 512×512, seed 7, 3.20 s (4 steps of 0.52 s, …)`.
pub(super) fn picture_line(saved: &Saved, seconds: &Seconds) -> String {
    let steps: f64 = seconds.unet_steps.iter().sum();
    let total = seconds.load + seconds.text + seconds.encode + steps + seconds.vae + seconds.upscale;
    let count = seconds.unet_steps.len();
    let Saved { path, seed, width, height } = saved;
    let encode = if seconds.encode > 0.0 { format!("encode {:.2}, ", seconds.encode) } else { String::new() };
    let enlarged = match seconds.upscale {
        0.0 => String::new(),
        upscale => format!(", upscale {upscale:.2}"),
    };
    format!(
        "{}: {width}×{height}, seed {seed}, {total:.2} s (load {:.2}, text {:.2}, {encode}{count} × {:.2} s/step, decode {:.2}{enlarged})",
        path.display(),
        seconds.load,
        seconds.text,
        steps / count.max(1) as f64,
        seconds.vae,
    )
}

/// `412 MiB will be needed`.
pub(super) fn need_line(need: &MemoryNeed) -> String {
    format!("{} MiB will be needed", need.total() >> 20)
}

/// `5.3 GiB of the GPU's memory will be taken, 6.4 may be: the text encoders …`.
pub(super) fn fit_line(fit: &Fit) -> String {
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let most = fit.budget_bytes.map_or(String::new(), |most| format!(", {:.2} may be", gib(most)));
    format!("{:.2} GiB of the GPU's memory will be taken{most}: {}", gib(fit.device_bytes), fit.plan)
}

/// `memory: 412 MiB at the peak, 401 MiB predicted`.
pub(super) fn memory_line(done: &Done) -> Option<String> {
    let peak = done.peak_anonymous_bytes? >> 20;
    Some(format!(
        "memory: {peak} MiB at the peak besides mapped files; the model was predicted to take {} MiB",
        done.predicted_bytes >> 20
    ))
}
