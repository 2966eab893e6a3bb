//! Four tiny SDXL models against diffusers: odd sizes, every prediction type and spacing, guidance,
//! batches. Their weights are a function of their tensors' names (tests/fixtures/README.md), so each
//! is written here as a real checkpoint and opened as a user's would be.

use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::{Checkpoint, Configs};

use super::devices::backends;
use super::golden::beside;
use super::ladder::{Case, climb};

fn agrees_with_diffusers(name: &str) {
    let fixture = beside("fixtures/goldens").join(name);
    let entry = std::fs::read(fixture.join("case.json")).expect("case.json");
    let entry = serde_json::from_slice(&entry).expect("a case");
    let case = Case::read(&entry, &fixture.join("golden.safetensors"));

    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join(name);
    let configs = Configs::folder(&fixture).expect("configurations");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    let checkpoint = Checkpoint::open(&model).expect("the model");
    for backend in backends() {
        climb(&checkpoint, &case, &backend);
    }
}

#[test]
fn a_small_sdxl_agrees_with_diffusers() {
    agrees_with_diffusers("sdxl_like");
}

#[test]
fn odd_latents_velocity_and_a_negative_prompt_agree_with_diffusers() {
    agrees_with_diffusers("odd_sizes");
}

#[test]
fn one_step_to_the_finished_latents_agrees_with_diffusers() {
    agrees_with_diffusers("x0_one_step");
}

#[test]
fn guidance_of_a_batch_without_a_negative_prompt_agrees_with_diffusers() {
    agrees_with_diffusers("epsilon_linspace_cfg");
}
