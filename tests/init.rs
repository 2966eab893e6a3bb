//! Pictures over others' latents, under a mask, and with sides that continue each other, against diffusers' pipelines.

use std::sync::Arc;

use fulmen_engine::graph::Tiling;
use fulmen_engine::init::InitLatents;
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Options, Request};
use safetensors::SafeTensors;
use serde_json::Value;

use super::devices::backends;
use super::golden::beside;
use super::samplers::{apart, cases, floats, read, request};

/// Of 255; 0.00025 is the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.001;

/// The request of a case.
fn asked(case: &Value, tensors: &SafeTensors<'_>) -> Request {
    let numbers = |name: &str| Arc::from(floats(tensors, name));
    let strength = case["strength"].as_f64();
    let init_latents = strength.map(|denoising_strength| InitLatents {
        latents: numbers("latents"),
        denoising_strength,
        mask: case["mask"].as_bool().map(|_| numbers("mask")),
    });
    let axes = case["tiling"].as_str().unwrap_or_default();
    let tiling = Tiling { x: axes.contains('x'), y: axes.contains('y') };
    Request { init_latents, tiling, ..request(case) }
}

#[test]
fn pictures_over_latents_under_masks_and_in_tiles_are_diffusers() {
    let bytes = read("init.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    let mut wrong = vec![];
    for case in cases("init.json", 17) {
        let name = case["name"].as_str().expect("a name");
        std::fs::write(model.join("scheduler/scheduler_config.json"), case["config"].to_string())
            .expect("written");
        for backend in backends() {
            let options = Options { model: Some(model.clone()), ..Options::default() };
            let mut engine = Engine::open_on(backend, &options).expect(name);
            let picture = engine.draw(&asked(&case, &tensors)).expect(name);
            let mean = apart(&picture, &tensors, name);
            if mean > MEAN {
                wrong.push(format!("{name} on {}: {mean}", engine.device()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn latents_that_do_not_fit_are_refused() {
    let mut engine = Engine::open(&Options::default()).expect("the demo model");
    let side = Some(64);
    let init = InitLatents { latents: vec![0.0; 4 * 64].into(), denoising_strength: 0.5, mask: None };
    let mut refusal = |init: InitLatents| {
        let request =
            Request { width: side, height: side, init_latents: Some(init), ..Request::new("a circle") };
        engine.draw(&request).expect_err("no picture").to_string()
    };
    let short = InitLatents { latents: vec![0.0; 100].into(), ..init.clone() };
    assert_eq!(refusal(short), "the latents to begin from are not of the shape 1×8×8×4");
    let not_finite = InitLatents { latents: vec![f32::NAN; 4 * 64].into(), ..init.clone() };
    assert_eq!(refusal(not_finite), "the latents to begin from are not finite");
    let beyond = InitLatents { mask: Some(vec![1.5; 64].into()), ..init.clone() };
    assert_eq!(refusal(beyond), "the mask has not 64 numbers from 0 to 1");
    let nothing = InitLatents { denoising_strength: 0.01, ..init.clone() };
    assert_eq!(refusal(nothing), "a denoising strength of 0.01 leaves none of 4 steps; use more of either");
    let odd = InitLatents { denoising_strength: f64::NAN, ..init };
    assert_eq!(refusal(odd), "--strength NaN is not possible; use 0 to 1");
}
