//! Euler against every step of every golden: from the UNet's predictions as diffusers got them to its latents.

use std::path::{Path, PathBuf};

use fulmen_engine::noise::{Noise, Rng};
use fulmen_engine::sampler;
use fulmen_engine::schedule::{Schedule, SchedulerConfig};
use safetensors::SafeTensors;

/// (scheduler_config.json, golden file, guidance)
fn goldens() -> Vec<(PathBuf, PathBuf, f32)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let demo = |name: &str| {
        let golden = root.join("golden/demo").join(name).with_extension("safetensors");
        (root.join("../models/demo/scheduler/scheduler_config.json"), golden, 0.0)
    };
    let fixture = |(case, guidance): (&str, f32)| {
        let folder = root.join("fixtures/goldens").join(case);
        (folder.join("scheduler/scheduler_config.json"), folder.join("golden.safetensors"), guidance)
    };
    let cases = [("sdxl_like", 0.0), ("odd_sizes", 5.0), ("x0_one_step", 0.0), ("epsilon_linspace_cfg", 3.0)];
    ["red_circle", "sky_8_steps"].map(demo).into_iter().chain(cases.map(fixture)).collect()
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(tensors.tensor(name).unwrap().data())
}

/// With guidance the UNet's predictions are first all those without the prompt, then all those with it.
fn predicted(tensors: &SafeTensors<'_>, step: usize, guidance: f32) -> Vec<f32> {
    let raw = floats(tensors, &format!("eps_{step}"));
    if guidance <= 1.0 {
        return raw;
    }
    let (without, with) = raw.split_at(raw.len() / 2);
    sampler::guide(without, with, guidance)
}

#[test]
fn every_goldens_latents_follow_from_its_predictions() {
    for (config, golden, guidance) in goldens() {
        let config = SchedulerConfig::from_json(&std::fs::read(&config).unwrap(), &config).unwrap();
        let bytes = std::fs::read(&golden).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let schedule = Schedule::new(&config, floats(&tensors, "timesteps").len()).unwrap();
        let mut latents = sampler::first_latents(&floats(&tensors, "noise"), &schedule);
        let mut sampler = sampler::sampler(config.solver, config.prediction, &schedule, 0);
        while let Some(call) = sampler.next() {
            let step = sampler.done() + 1;
            let predicted = predicted(&tensors, step, guidance);
            let x0 = sampler::denoised(&latents, &predicted, config.prediction, call.sigma);
            sampler.take(&mut latents, &x0, &mut Noise::new(Rng::Torch, 0));
            let want = floats(&tensors, &format!("latents_{step}"));
            for (got, want) in latents.iter().zip(want) {
                // Relative to the noise that the step began with, in which rounding is made.
                let off = (got - want).abs() / (1.0 + call.sigma);
                assert!(off < 2e-6, "{got} is not {want} after step {step} of {}", golden.display());
            }
        }
    }
}
