//! Pictures guided by other pictures, against diffusers' pipelines (tests/fixtures/make_control.py).

mod drawing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::engine::Precision;
use fulmen_engine::graph::Tiling;
use fulmen_engine::init::InitLatents;
use fulmen_engine::picture::Picture;
use fulmen_engine::request::{Control, ControlMode, Guidance};
use fulmen_engine::synth::{self, SynthGuide, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Options, Request};
use safetensors::SafeTensors;
use serde_json::Value;

use super::devices::backends;
use super::golden::beside;
use super::samplers::{apart, cases, floats, read, request};

/// Of 255; 0.0003 is the most that was measured in f32, 0.11 in f16, on the CPU and on lavapipe.
const MEAN_F32: f64 = 0.001;
const MEAN_F16: f64 = 0.3;

/// Kinds of pictures, as a union counts them.
const MODES: [ControlMode; 4] =
    [ControlMode::Openpose, ControlMode::Depth, ControlMode::SoftEdge, ControlMode::Canny];

/// Models with their nets, each in a folder of its own.
struct Models(tempfile::TempDir);

impl Models {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for model in ["sdxl_like", "odd_sizes"] {
            let configs = Configs::folder(&beside("fixtures/goldens").join(model)).expect("configurations");
            let place = folder.path().join(model);
            synth::write(&configs, &place, SynthLayout::Folder, &|_| Ok(())).expect("a model");
            for (word, guide) in SynthGuide::WORDS {
                let layout =
                    if *word == "controlnet-small" { SynthLayout::SingleFile } else { SynthLayout::Folder };
                synth::write_guide(&configs, *guide, &place.join(word), layout, &|_| Ok(())).expect("a net");
            }
        }
        Self(folder)
    }

    fn model(&self, case: &Value) -> PathBuf {
        self.0.path().join(case["model"].as_str().expect("a model"))
    }
}

fn picture(tensors: &SafeTensors<'_>, name: &str) -> Arc<Picture> {
    let tensor = tensors.tensor(name).expect("a picture");
    Arc::new(Picture::new(tensor.shape()[1], tensor.shape()[0], tensor.data().to_vec()))
}

/// A case's nets with their pictures.
fn controls(case: &Value, model: &Path, tensors: &SafeTensors<'_>) -> Vec<Control> {
    let one = |net: &Value| {
        let kind = match net["kind"].as_str().expect("a kind") {
            "full" => "controlnet",
            "mid" => "controlnet-mid",
            "small" => "controlnet-small",
            "union" => "controlnet-union",
            _ => "t2i-adapter",
        };
        Control {
            scale: net["scale"].as_f64().expect("a scale") as f32,
            start: net["start"].as_f64().expect("a start"),
            end: net["end"].as_f64().expect("an end"),
            guess: case["guess"].as_bool().unwrap_or_default(),
            mode: net["mode"].as_u64().map(|mode| MODES[mode as usize]),
            ..Control::new(model.join(kind), picture(tensors, net["picture"].as_str().expect("a picture")))
        }
    };
    case["nets"].as_array().expect("nets").iter().map(one).collect()
}

fn asked(case: &Value, model: &Path, tensors: &SafeTensors<'_>) -> Request {
    let init_latents = case["strength"].as_f64().map(|denoising_strength| InitLatents {
        latents: Arc::from(floats(tensors, "latents")),
        denoising_strength,
        mask: None,
    });
    let axes = case["tiling"].as_str().unwrap_or_default();
    let request = request(case);
    Request {
        init_latents,
        tiling: Tiling { x: axes.contains('x'), y: axes.contains('y') },
        width: case["width"].as_u64().map(|width| width as usize).or(request.width),
        guidance: case["guidance"].as_f64().map(|guidance| Guidance::Exactly(guidance as f32)),
        controls: controls(case, model, tensors),
        ..request
    }
}

#[test]
fn guided_pictures_are_diffusers_on_every_backend() {
    let bytes = read("control.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let models = Models::make();
    let mut wrong = vec![];
    for case in cases("control.json", 19) {
        let name = case["name"].as_str().expect("a name");
        let model = models.model(&case);
        std::fs::write(model.join("scheduler/scheduler_config.json"), case["config"].to_string())
            .expect("written");
        for (precision, most) in [(Precision::F32, MEAN_F32), (Precision::F16, MEAN_F16)] {
            for backend in backends() {
                let precision = Some(precision);
                let options = Options { model: Some(model.clone()), precision, ..Options::default() };
                let mut engine = Engine::open_on(backend, &options).expect(name);
                let picture = engine.draw(&asked(&case, &model, &tensors)).expect(name);
                let mean = apart(&picture, &tensors, name);
                if mean > most {
                    wrong.push(format!("{name} in {precision:?} on {}: {mean}", engine.device()));
                }
                println!("{name} in {precision:?} on {}: {mean}", engine.device());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
