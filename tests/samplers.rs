//! Every sampler against diffusers' class of it: latents of the sampler alone, and whole pictures of small models.

use std::path::Path;

use fulmen_engine::noise::{Noise, Rng};
use fulmen_engine::picture::Picture;
use fulmen_engine::request::Guidance;
use fulmen_engine::sampler::{self, Call};
use fulmen_engine::schedule::{Schedule, SchedulerConfig, Sigmas, Solver};
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Options, Request};
use safetensors::SafeTensors;
use serde_json::Value;

use super::devices::backends;
use super::golden::beside;

pub(super) fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every case of a file that a script has written.
pub(super) fn cases(name: &str, count: usize) -> Vec<Value> {
    let mut all: Value = serde_json::from_slice(&read(name)).expect("cases");
    let Value::Array(cases) = all["cases"].take() else { panic!("no list of cases") };
    assert_eq!(cases.len(), count, "every case is there");
    cases
}

pub(super) fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(tensors.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}")).data())
}

/// The case's own scheduler_config.json, with what has no word there.
fn config(case: &Value) -> SchedulerConfig {
    let json = case["config"].to_string();
    let config =
        SchedulerConfig::from_json(json.as_bytes(), Path::new("scheduler_config.json")).expect(&json);
    assert_eq!(config.solver.sampler.word(), case["sampler"].as_str().expect("a sampler"), "{json}");
    let sigmas = match case["curve"].as_str() {
        Some("sgm-uniform") => Sigmas::SgmUniform,
        _ => config.sigmas,
    };
    let eta = match config.solver.sampler.word() {
        "euler-a" => 1.0,
        _ => case["eta"].as_f64().expect("eta") as f32,
    };
    SchedulerConfig { sigmas, solver: Solver { eta, ..config.solver }, ..config }
}

/// The script's loop: in place of the UNet's prediction stands sin(x + t/500), x being what the UNet would see.
#[test]
fn every_sampler_alone_gives_diffusers_latents() {
    let bytes = read("samplers.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let alone = cases("samplers.json", 324).into_iter().filter(|case| case["model"].is_null());
    let mut wrong = vec![];
    for case in alone {
        let name = case["name"].as_str().expect("a name");
        let want = floats(&tensors, &format!("{name}.latents"));
        let config = config(&case);
        let schedule = Schedule::new(&config, case["steps"].as_u64().expect("steps") as usize).expect(name);
        let mut noise = Noise::new(Rng::Torch, case["seed"].as_u64().expect("a seed"));
        let mut x = sampler::first_latents(&noise.normals(want.len()), &schedule);
        let mut sampler = sampler::sampler(config.solver, config.prediction, &schedule, 0);
        while let Some(Call { timestep, sigma }) = sampler.next() {
            let input = sampler::model_input(&x, sigma);
            let predicted: Vec<f32> = input.iter().map(|x| (x + timestep / 500.0).sin()).collect();
            let x0 = sampler::denoised(&x, &predicted, config.prediction, sigma);
            sampler.take(&mut x, &x0, &mut noise);
        }
        let range = want.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let off = x.iter().zip(&want).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max) / range;
        // Euler's latents begin at 4096 times the picture there, and f32 has 24 bits.
        let most = if name.starts_with("loop-euler-v-zero-snr") { 3e-4 } else { 1e-5 };
        if off.is_nan() || off > most {
            wrong.push(format!("{name}: {off:e}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The request of a case, as a caller would make it of a folder with the case's scheduler_config.json.
pub(super) fn request(case: &Value) -> Request {
    let golden = beside("fixtures/goldens").join(case["model"].as_str().expect("a model")).join("case.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(golden).expect("case.json")).expect("a case");
    let number = |name: &str| golden[name].as_u64().map(|number| number as usize);
    let config = config(case);
    Request {
        negative_prompt: golden["negative_prompt"].as_str().map(str::to_owned),
        width: number("width"),
        height: number("height"),
        seed: case["seed"].as_u64(),
        steps: case["steps"].as_u64().map(|steps| steps as usize),
        guidance: case["guidance"].as_f64().map(|guidance| Guidance::Exactly(guidance as f32)),
        sigmas: (config.sigmas == Sigmas::SgmUniform).then_some(Sigmas::SgmUniform),
        eta: config.solver.sampler.reads_eta().then_some(config.solver.eta),
        ..Request::new(golden["prompt"].as_str().expect("a prompt"))
    }
}

/// How far a picture is from diffusers', of 255.
pub(super) fn apart(picture: &Picture, tensors: &SafeTensors<'_>, name: &str) -> f64 {
    let want = tensors.tensor(&format!("{name}.picture")).expect(name).data();
    assert_eq!(picture.rgb.len(), want.len(), "{name}");
    let apart = picture.rgb.iter().zip(want).map(|(a, b)| f64::from(a.abs_diff(*b)));
    apart.sum::<f64>() / want.len() as f64
}

/// Of 255; 0.0013 is the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.004;

/// Every sampler with every prediction on two models, and other spacings, sigmas and numbers of steps on one.
#[test]
fn every_samplers_pictures_are_diffusers_on_every_backend() {
    let bytes = read("samplers.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let folder = tempfile::tempdir().expect("a folder");
    for model in ["sdxl_like", "odd_sizes"] {
        let configs = Configs::folder(&beside("fixtures/goldens").join(model)).expect("configurations");
        synth::write(&configs, &folder.path().join(model), SynthLayout::Folder, &|_| Ok(()))
            .expect("a model");
    }
    let mut wrong = vec![];
    for case in cases("samplers.json", 324).into_iter().filter(|case| !case["model"].is_null()) {
        let name = case["name"].as_str().expect("a name");
        let model = folder.path().join(case["model"].as_str().expect("a model"));
        std::fs::write(model.join("scheduler/scheduler_config.json"), case["config"].to_string())
            .expect("written");
        // Samplers run on the host, so the rows of spacings, sigmas and steps are drawn on the CPU alone.
        let plain =
            ["model", "sampler", "prediction"].map(|key| case[key].as_str().unwrap_or_default()).join("-");
        let backends = backends().into_iter().take(if name == format!("{plain}-6") { 2 } else { 1 });
        for backend in backends {
            let options = Options { model: Some(model.clone()), ..Options::default() };
            let mut engine = Engine::open_on(backend, &options).expect(name);
            let picture = engine.draw(&request(&case)).expect(name);
            let mean = apart(&picture, &tensors, name);
            if mean > MEAN {
                wrong.push(format!("{name} on {}: {mean}", engine.device()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
