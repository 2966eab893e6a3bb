//! Events as JSON lines on standard output, for programs.

use fulmen_engine::engine::{DrawStage, Drawn, Event, Fit};
use serde::Serialize;

use super::report::{Done, LoraUse, PlanReport, Report, Saved};
use crate::console;

/// A line an event; `fulmen generate --help` lists them.
pub(super) struct Json;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Warning {
        message: String,
    },
    Plan(&'a PlanReport),
    Lora(LoraUse),
    Stage {
        stage: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        image: Option<usize>,
    },
    Memory {
        predicted_bytes: u64,
        activation_bytes: u64,
        weight_bytes: u64,
        scratch_bytes: u64,
    },
    Fit(&'a Fit),
    Step {
        image: usize,
        step: usize,
        steps: usize,
        seconds: f64,
    },
    Tile {
        image: usize,
        tile: usize,
        tiles: usize,
        seconds: f64,
    },
    Picture(&'a Saved),
    Done(&'a Done),
}

impl Report for Json {
    fn opening(&mut self) {}

    fn plan(&mut self, plan: &PlanReport) {
        console::json(&Line::Plan(plan));
    }

    fn event(&mut self, event: &Event) {
        console::json(&match event {
            Event::Warning(what) => Line::Warning { message: what.to_string() },
            Event::Lora(lora) => Line::Lora(LoraUse::of(lora)),
            Event::Stage(stage) => {
                let (stage, image) = name(*stage);
                Line::Stage { stage, image }
            }
            Event::Memory(need) => Line::Memory {
                predicted_bytes: need.total(),
                activation_bytes: need.values(),
                weight_bytes: need.weights,
                scratch_bytes: need.scratch,
            },
            Event::Fit(fit) => Line::Fit(fit),
            &Event::Step { image, step, steps, seconds } => Line::Step { image, step, steps, seconds },
            &Event::Tile { image, tile, tiles, seconds } => Line::Tile { image, tile, tiles, seconds },
            Event::Preview { .. } | Event::Picture(_) => return,
        });
    }

    fn saved(&mut self, saved: &Saved, _: &Drawn) {
        console::json(&Line::Picture(saved));
    }

    fn done(&mut self, done: &Done) {
        console::json(&Line::Done(done));
    }
}

fn name(stage: DrawStage) -> (&'static str, Option<usize>) {
    match stage {
        DrawStage::Load => ("load", None),
        DrawStage::Text => ("text", None),
        DrawStage::Encode => ("encode", None),
        DrawStage::Denoise(image) => ("denoise", Some(image)),
        DrawStage::Decode(image) => ("decode", Some(image)),
        DrawStage::Upscale(image) => ("upscale", Some(image)),
    }
}
