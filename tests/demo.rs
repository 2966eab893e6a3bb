//! The demo model against diffusers, tensor by tensor, on every backend.

use fulmen_engine::engine::Precision;
use fulmen_engine::weights::Checkpoint;
use fulmen_engine::{Engine, Options, Request};

use super::devices::backends;
use super::golden::beside;
use super::ladder::{Case, climb};

/// The six reference runs under `golden/demo/`.
fn cases() -> Vec<Case> {
    let folder = beside("golden/demo");
    let index = std::fs::read(folder.join("cases.json")).expect("cases.json");
    let index: Vec<serde_json::Value> = serde_json::from_slice(&index).expect("a list");
    let case =
        |entry: &serde_json::Value| Case::read(entry, &folder.join(entry["file"].as_str().expect("a file")));
    index.iter().map(case).collect()
}

#[test]
fn every_tensor_on_the_way_is_diffusers() {
    let checkpoint = Checkpoint::embedded_demo().expect("the demo model");
    for backend in backends() {
        for case in cases() {
            climb(&checkpoint, &case, &backend);
        }
    }
}

/// Mean and greatest difference of the bytes of two pictures.
fn difference(a: &[u8], b: &[u8]) -> (f64, u8) {
    assert_eq!(a.len(), b.len(), "sizes of pictures");
    let apart = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (apart.clone().map(f64::from).sum::<f64>() / a.len() as f64, apart.max().unwrap_or(0))
}

/// From the prompt and torch's seed alone to diffusers' own PNG.
fn pictures_are_diffusers(device: &str, precision: Precision, most: (f64, u8)) {
    let device = device.parse().expect("a device");
    let options = Options { device, precision: Some(precision), ..Options::default() };
    let mut engine = Engine::open(&options).expect("the demo model");
    for (seed, case) in (1..).zip(cases()) {
        let request =
            Request { steps: Some(case.steps), seed: Some(seed), ..Request::new(case.prompt.as_str()) };
        let picture = engine.draw(&request).expect("a picture");
        let reference = image::open(&case.picture).expect("diffusers' picture").to_rgb8();
        let (mean, max) = difference(&picture.rgb, reference.as_raw());
        let device = engine.device();
        assert!(mean <= most.0 && max <= most.1, "{:?} on {device}: mean {mean}, max {max}", case.prompt);
    }
}

#[test]
fn pictures_in_f32_are_diffusers_on_the_cpu() {
    pictures_are_diffusers("cpu", Precision::F32, (0.0003, 2));
}

#[test]
fn pictures_in_f32_are_diffusers_on_the_gpu() {
    pictures_are_diffusers("gpu", Precision::F32, (0.0003, 2));
}

#[test]
fn pictures_in_f16_are_near_diffusers_on_the_cpu() {
    pictures_are_diffusers("cpu", Precision::F16, (0.15, 3));
}

#[test]
fn pictures_in_f16_are_near_diffusers_on_the_gpu() {
    pictures_are_diffusers("gpu", Precision::F16, (0.15, 3));
}
