//! `fulmen models inspect`: what a file or folder is, without drawing. Every number is read, so a damaged file is found.

use std::collections::BTreeSet;

use fulmen_engine::networks::inventory;
use fulmen_engine::schedule::SchedulerConfig;
use fulmen_engine::settings::{Clues, Settings};
use fulmen_engine::unet::UNetConfig;
use fulmen_engine::upscaler::Upscaler;
use fulmen_engine::weights::{Adapter, Checkpoint, Part};
use fulmen_engine::{Error, Request, controlnet, engine, ip_adapter, layer_diffuse};
use serde::Serialize;

use super::{adapter, guide, image_net, upscaler};
use crate::args::InspectArgs;
use crate::console;
use crate::failure::Failure;

/// A model, or a part of one, in short.
#[derive(Debug, Serialize)]
struct Model {
    /// `diffusers folder` or `single file`.
    kind: &'static str,
    bytes: u64,
    parts: Vec<PartSummary>,
    /// The parts that a model needs and that are not here.
    lacks: Vec<&'static str>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// How it is drawn, where there is a UNet.
    #[serde(flatten)]
    drawn: Option<Drawn>,
    /// What is done in another way than the model asks for.
    warnings: Vec<String>,
    /// Tensors that no part of the model asks for.
    unused: Vec<String>,
}

/// What a model is drawn with where the command line does not say.
#[derive(Debug, Serialize)]
struct Drawn {
    steps: usize,
    guidance: f32,
    sampler: &'static str,
    spacing: String,
    prediction: &'static str,
    /// Whether the noisiest level is noise alone.
    zero_terminal_snr: bool,
    /// Whether it was made for few steps without guidance.
    distilled: bool,
    /// Whether its UNet is given a mask and the masked picture.
    inpainting: bool,
    /// Why it is drawn so.
    because: String,
}

#[derive(Debug, Serialize)]
struct PartSummary {
    name: &'static str,
    tensors: usize,
    parameters: usize,
    /// As they are stored.
    formats: Vec<String>,
}

/// Says what a file is that is given beside a model; whether it is one.
fn is_beside(args: &InspectArgs) -> Result<bool, Failure> {
    if let Some(upscaler) = Upscaler::find(&args.path)? {
        upscaler::say(&upscaler, args.json);
    } else if let Some(adapter) = Adapter::find(&args.path)? {
        adapter::say(&adapter, args.json)?;
    } else if let Some(about) = controlnet::about(&args.path, args.model.as_deref())? {
        guide::say(&about, args.json);
    } else if let Some(about) = ip_adapter::about(&args.path)? {
        image_net::say(&about, args.json);
    } else if let Some(about) = layer_diffuse::about(&args.path)? {
        image_net::say_decoder(&about, args.json);
    } else {
        return Ok(false);
    }
    Ok(true)
}

pub(super) fn run(args: &InspectArgs) -> Result<(), Failure> {
    if is_beside(args)? {
        return Ok(());
    }
    let opened = match Checkpoint::open_parts(&args.path)? {
        Some(parts) => parts,
        None => Checkpoint::open(&args.path)?,
    };
    let mut checkpoint = opened.with_parts(&args.parts.paths())?;
    if let Some(path) = &args.parts.preview_vae {
        checkpoint = checkpoint.with_preview_vae(path)?;
    }
    checkpoint.verify()?;
    let (here, lacks): (Vec<Part>, Vec<Part>) =
        Part::WITH_WEIGHTS.into_iter().partition(|part| checkpoint.has(*part));
    if lacks.is_empty() {
        // Nothing is said to be drawn in some way that cannot be drawn at all.
        engine::check(&checkpoint)?;
    } else if checkpoint.has_own_configs() {
        // Why a folder lacks a part is worth more than that it does.
        lacks.iter().try_for_each(|part| checkpoint.weights(*part).map(drop))?;
    }
    let settings = here.contains(&Part::Unet).then(|| settings(&checkpoint)).transpose()?;
    let own = settings.iter().flat_map(|settings| &settings.warnings).map(ToString::to_string);
    let model = Model {
        kind: if args.path.is_dir() { "diffusers folder" } else { "single file" },
        bytes: checkpoint.mapped_bytes(),
        parts: here.iter().map(|part| summary(&checkpoint, *part)).collect::<Result<_, _>>()?,
        advice: advice(&checkpoint, &here, &lacks),
        lacks: lacks.iter().map(|part| part.name()).collect(),
        warnings: own.chain(checkpoint.warnings().iter().cloned()).collect(),
        drawn: settings.map(|settings| Drawn::of(&checkpoint, settings)).transpose()?,
        unused: checkpoint.unused().to_vec(),
    };
    if args.json {
        console::json(&model);
    } else {
        print(&model);
    }
    Ok(())
}

fn settings(checkpoint: &Checkpoint) -> Result<Settings, Error> {
    let clues = Clues::of(checkpoint, SchedulerConfig::load(checkpoint)?);
    Settings::choose(&clues, &Request::default(), &Request::default())
}

impl Drawn {
    fn of(checkpoint: &Checkpoint, settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            steps: settings.steps,
            guidance: settings.guidance,
            sampler: settings.scheduler.solver.sampler.word(),
            spacing: settings.scheduler.spacing(),
            prediction: settings.scheduler.prediction.word(),
            zero_terminal_snr: settings.scheduler.zero_terminal_snr,
            distilled: settings.distilled,
            inpainting: checkpoint.config::<UNetConfig>(Part::Unet)?.is_inpainting(),
            because: settings.because,
        })
    }
}

/// What to do with these parts where they are no whole model.
fn advice(checkpoint: &Checkpoint, here: &[Part], lacks: &[Part]) -> Option<String> {
    match (here, lacks) {
        (_, []) => None,
        ([Part::Vae], _) if checkpoint.has_tiny_vae() => Some(
            "this is a tiny VAE (TAESD) alone; give it with --vae, or with --preview-vae for previews".into(),
        ),
        (_, [Part::Vae]) => Some("it has no VAE; give one with --vae".into()),
        ([only], _) => Some(format!(
            "this is {} alone; give it with {}, over a whole model",
            only.noun(),
            only.flag().unwrap_or("--model")
        )),
        _ => {
            let lacks: Vec<&str> = lacks.iter().map(|part| part.noun()).collect();
            Some(format!(
                "it lacks {}; give its parts with their flags, over a whole model",
                lacks.join(" and ")
            ))
        }
    }
}

fn summary(checkpoint: &Checkpoint, part: Part) -> Result<PartSummary, Error> {
    let weights = checkpoint.weights(part)?;
    let (mut tensors, mut parameters, mut formats) = (0, 0, BTreeSet::new());
    for spec in inventory(checkpoint.configs(), part)? {
        let tensor = match weights.tensor(&spec.name, &spec.shape) {
            Err(Error::MissingTensor { .. }) if spec.optional => continue,
            tensor => tensor?,
        };
        tensors += 1;
        parameters += tensor.len();
        formats.insert(tensor.format());
    }
    Ok(PartSummary { name: part.name(), tensors, parameters, formats: formats.into_iter().collect() })
}

fn print(model: &Model) {
    console::out(&format!("{}, {:.1} MiB", model.kind, model.bytes as f64 / f64::from(1 << 20)));
    for PartSummary { name, tensors, parameters, formats } in &model.parts {
        let millions = *parameters as f64 / 1e6;
        let formats = formats.join(" and ");
        console::out(&format!("  {name:<15} {millions:>8.1} M parameters in {tensors} tensors of {formats}"));
    }
    model.advice.iter().for_each(|advice| console::out(advice));
    if let Some(Drawn { steps, guidance, sampler, spacing, prediction, inpainting, because, .. }) =
        &model.drawn
    {
        let guidance = if *guidance > 1.0 { format!("guidance {guidance}") } else { "no guidance".into() };
        let steps = if *steps == 1 { "1 step".into() } else { format!("{steps} steps") };
        let sampler = if *sampler == "euler" { String::new() } else { format!(" of {sampler}") };
        let line =
            format!("drawn in {steps}{sampler} with {guidance}; {spacing} timesteps, predicts {prediction}");
        console::out(&line);
        console::out(&format!("  {because}"));
        if *inpainting {
            console::out(
                "an inpainting model: its UNet is given a mask and the masked picture (--init, --mask)",
            );
        }
    }
    model.warnings.iter().for_each(|warning| console::out(&format!("  {warning}")));
    match &model.unused[..] {
        [] => (),
        [only] => console::out(&format!("one tensor is not used, `{only}`")),
        [first, ..] => {
            console::out(&format!("{} tensors are not used, `{first}` among them", model.unused.len()));
        }
    }
}
