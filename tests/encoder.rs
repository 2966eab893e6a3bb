//! Encoders of VAEs against diffusers' (tests/fixtures/make_encoder.py).

use std::fs;
use std::path::Path;

use fulmen_engine::backend::{CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Graph, Shape, Tiling};
use fulmen_engine::networks::inventory;
use fulmen_engine::synth;
use fulmen_engine::vae::{TinyConfig, TinyEncoder, VaeConfig, VaeEncoder};
use fulmen_engine::weights::{Configs, Part, Weight, Weights};
use serde_json::Value;

use super::devices::backends;
use super::golden::{Golden, beside};

/// Relative to a tensor's range: three times the most that was measured, on the CPU and on lavapipe.
const F32: f32 = 4.5e-6;
const F16: f32 = 6e-3;

const PICTURE: Shape = Shape::image(1, 56, 40, 3);

/// A VAE's configuration of a fixture's model, with what `change` makes of it, and its seeded weights.
pub(crate) fn vae(case: &str, change: &[(&str, Value)]) -> (Value, Weights) {
    let config = beside("fixtures/goldens").join(case).join("vae/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(config).expect("a file")).expect("JSON");
    change.iter().for_each(|(field, value)| config[*field] = value.clone());
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("vae")).expect("a folder");
    fs::write(folder.path().join("vae/config.json"), config.to_string()).expect("written");
    (config, seeded(folder.path()))
}

/// The seeded weights of the VAE that a folder has the configuration of.
fn seeded(folder: &Path) -> Weights {
    of(&Configs::folder(folder).expect("configurations"))
}

/// The same of these configurations.
pub(crate) fn of(configs: &Configs) -> Weights {
    let weight = |spec: fulmen_engine::weights::TensorSpec| {
        let values = synth::values(&format!("vae.{}", spec.name), &spec.shape);
        Weight::from_f16(spec.name, spec.shape, &values)
    };
    let weights: Vec<Weight> =
        inventory(configs, Part::Vae).expect("a VAE").into_iter().map(weight).collect();
    Weights::of(&weights)
}

/// `[h, w, c]` with its channels outermost.
fn outermost(x: &HostTensor) -> Vec<f32> {
    let (pixels, channels) = (x.shape.pixels(), x.shape.channels);
    let places = (0..channels).flat_map(|c| (0..pixels).map(move |p| p * channels + c));
    places.map(|place| x.as_f32()[place]).collect()
}

/// Where the graph makes something else than diffusers makes of the picture, on every backend.
fn check(
    name: &str,
    graph: impl Fn(Element) -> Graph,
    seen: impl Fn(f32) -> f32,
    [f32, f16]: [f32; 2],
) -> Vec<String> {
    let golden = Golden::read(&beside("fixtures/encoder.safetensors"));
    let picture: Vec<f32> = golden.values("picture").iter().map(|byte| seen(byte / 255.0)).collect();
    let picture = HostTensor::f32(PICTURE, picture);
    let mut wrong = vec![];
    for backend in backends() {
        for (element, tolerance) in [(Element::F32, f32), (Element::F16, f16)] {
            let mut program = backend.compile(graph(element).into()).expect("it compiles");
            let outputs = program.run(&[("picture", &picture)], &CancelToken::default()).expect("it runs");
            assert_eq!((outputs[0].shape.height, outputs[0].shape.width), (7, 5));
            let wanted = golden.values(name);
            let range = wanted.iter().fold(0.0f32, |range, value| range.max(value.abs()));
            let got = outermost(&outputs[0]);
            let off = got.iter().zip(wanted).map(|(got, want)| (got - want).abs());
            let off = off.fold(0.0, f32::max) / range;
            wrong.extend((off.is_nan() || off > tolerance).then(|| {
                format!("{name} in {element:?} on {}: off by {off:.1e} of its range", backend.name())
            }));
        }
    }
    wrong
}

#[test]
fn encoders_of_every_shape_agree_with_diffusers() {
    let plain = ["use_quant_conv", "use_post_quant_conv", "mid_block_add_attention"];
    let plain = plain.map(|field| (field, false.into()));
    let mut wrong = vec![];
    for (name, (config, weights), tolerances) in [
        ("sdxl_like", vae("sdxl_like", &[]), [F32, F16]),
        ("odd_sizes", vae("odd_sizes", &[]), [F32, F16]),
        ("epsilon_linspace_cfg", vae("epsilon_linspace_cfg", &[]), [F32, F16]),
        ("plain", vae("sdxl_like", &plain), [F32, F16]),
        // Its configuration says that f16 is not enough.
        ("x0_one_step", vae("x0_one_step", &[]), [F32, F32]),
    ] {
        let config: VaeConfig = serde_json::from_value(config).expect("a configuration");
        let encoder = VaeEncoder::load(&weights, &config).expect("it was just made");
        let graph = |element| encoder.graph(PICTURE, Tiling::default(), element).expect("shapes fit");
        wrong.extend(check(name, graph, |value| 2.0 * value - 1.0, tolerances));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The seeded weights of the tiny VAE.
pub(crate) fn tiny() -> Weights {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("vae")).expect("a folder");
    fs::write(folder.path().join("vae/config.json"), r#"{"_class_name": "AutoencoderTiny"}"#)
        .expect("written");
    seeded(folder.path())
}

#[test]
fn the_tiny_encoder_agrees_with_diffusers() {
    let encoder = TinyEncoder::load(&tiny(), &TinyConfig::default()).expect("it was just made");
    let graph = |element| encoder.graph(PICTURE, Tiling::default(), element).expect("shapes fit");
    let wrong = check("tiny", graph, |value| value, [F32, F16]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
