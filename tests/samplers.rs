//! Every sampler against diffusers' class of it: latents of the sampler alone, and whole pictures of small models.

use std::path::Path;
use std::sync::Arc;

use fulmen_engine::backend::Backend;
use fulmen_engine::noise::{Noise, Rng};
use fulmen_engine::sampler::{self, Call};
use fulmen_engine::schedule::{Schedule, SchedulerConfig, Sigmas, Solver};
use safetensors::SafeTensors;
use serde_json::Value;

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn cases() -> Vec<Value> {
    let mut all: Value = serde_json::from_slice(&read("samplers.json")).expect("cases");
    let Value::Array(cases) = all["cases"].take() else { panic!("no list of cases") };
    assert_eq!(cases.len(), 310, "every case is there");
    cases
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
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
    let alone = cases().into_iter().filter(|case| case["model"].is_null());
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
        println!("{name}: {off:e}");
        // Euler's latents begin at 4096 times the picture there, and f32 has 24 bits.
        let most = if name.starts_with("loop-euler-v-zero-snr") { 3e-4 } else { 1e-5 };
        if off.is_nan() || off > most {
            wrong.push(format!("{name}: {off:e}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
