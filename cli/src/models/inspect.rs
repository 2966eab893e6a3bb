//! `fulmen models inspect`: what a model is, without drawing. Every number is read, so a damaged file is found.

use std::collections::BTreeSet;

use fulmen_engine::networks::inventory;
use fulmen_engine::schedule::SchedulerConfig;
use fulmen_engine::settings::{Asked, Clues, Settings};
use fulmen_engine::weights::{Adapter, Checkpoint, Part};
use fulmen_engine::{Error, engine};
use serde::Serialize;

use super::adapter;
use crate::args::InspectArgs;
use crate::console;
use crate::failure::Failure;

/// A model in short.
#[derive(Debug, Serialize)]
struct Model {
    /// `diffusers folder` or `single file`.
    kind: &'static str,
    bytes: u64,
    parts: Vec<PartReport>,
    /// What it is drawn with where the command line does not say.
    steps: usize,
    guidance: f32,
    spacing: String,
    prediction: &'static str,
    /// Whether the noisiest level is noise alone.
    zero_terminal_snr: bool,
    /// Whether it was made for few steps without guidance.
    distilled: bool,
    /// Why it is drawn so.
    because: String,
    /// What is done in another way than the model asks for.
    warnings: Vec<String>,
    /// Tensors that no part of the model asks for.
    unused: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PartReport {
    name: &'static str,
    tensors: usize,
    parameters: usize,
    /// As they are stored.
    formats: Vec<String>,
}

pub(super) fn run(args: &InspectArgs) -> Result<(), Failure> {
    if let Some(adapter) = Adapter::find(&args.path)? {
        adapter::say(&adapter, args.json);
        return Ok(());
    }
    let mut checkpoint = Checkpoint::open(&args.path)?.with_parts(&args.parts.paths())?;
    if let Some(path) = &args.parts.preview_vae {
        checkpoint = checkpoint.with_preview_vae(path)?;
    }
    checkpoint.verify()?;
    // Nothing is said to be drawn in some way that cannot be drawn at all.
    engine::check(&checkpoint)?;
    let own = checkpoint.has_own_configs();
    let clues = Clues::of(&checkpoint, SchedulerConfig::load(&checkpoint)?);
    let settings = Settings::choose(&clues, Asked::default(), Asked::default())?;
    let parts = Part::WITH_WEIGHTS.into_iter().map(|part| report(&checkpoint, part));
    let notes = checkpoint.warnings().iter().cloned();
    let model = Model {
        kind: if own { "diffusers folder" } else { "single file" },
        bytes: checkpoint.mapped_bytes(),
        parts: parts.collect::<Result<_, _>>()?,
        steps: settings.steps,
        guidance: settings.guidance,
        spacing: settings.scheduler.spacing(),
        prediction: settings.scheduler.prediction.word(),
        zero_terminal_snr: settings.scheduler.zero_terminal_snr,
        distilled: settings.distilled,
        because: settings.because,
        warnings: settings.warnings.iter().map(ToString::to_string).chain(notes).collect(),
        unused: checkpoint.unused().to_vec(),
    };
    if args.json {
        console::json(&model);
    } else {
        print(&model);
    }
    Ok(())
}

fn report(checkpoint: &Checkpoint, part: Part) -> Result<PartReport, Error> {
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
    Ok(PartReport { name: part.name(), tensors, parameters, formats: formats.into_iter().collect() })
}

fn print(model: &Model) {
    console::out(&format!("{}, {:.1} MiB", model.kind, model.bytes as f64 / f64::from(1 << 20)));
    for PartReport { name, tensors, parameters, formats } in &model.parts {
        let millions = *parameters as f64 / 1e6;
        let formats = formats.join(" and ");
        console::out(&format!("  {name:<15} {millions:>8.1} M parameters in {tensors} tensors of {formats}"));
    }
    let Model { steps, guidance, spacing, prediction, because, unused, .. } = model;
    let guidance = if *guidance > 1.0 { format!("guidance {guidance}") } else { "no guidance".into() };
    let steps = if *steps == 1 { "1 step".into() } else { format!("{steps} steps") };
    console::out(&format!("drawn in {steps} with {guidance}; {spacing} timesteps, predicts {prediction}"));
    console::out(&format!("  {because}"));
    model.warnings.iter().for_each(|warning| console::out(&format!("  {warning}")));
    if let Some(first) = unused.first() {
        console::out(&format!("{} tensors are not used, `{first}` among them", unused.len()));
    }
}
