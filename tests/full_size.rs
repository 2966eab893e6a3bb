//! The real size: a synthetic SDXL of 2,567,463,684 UNet parameters, on both backends.
//!
//! Ignored by default: it writes 7 GB and needs 16 GB of memory. To run it:
//! `cargo test --release -p fulmen-tests full_size -- --ignored --nocapture`

use std::path::PathBuf;
use std::time::Instant;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Shape};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::tokens::LENGTH;
use fulmen_engine::unet::{UNet, UNetConfig, UNetInputs, sinusoid};
use fulmen_engine::weights::{Checkpoint, Configs, Part};

use super::devices::backends;

/// Where the model is written, or found if it was written before: `FULMEN_FULL_SIZE_MODEL`, else
/// the build folder.
fn model() -> Checkpoint {
    let usual = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/sdxl-synth.safetensors"));
    let file = std::env::var_os("FULMEN_FULL_SIZE_MODEL").map_or_else(usual, PathBuf::from);
    if !file.exists() {
        let configs = Configs::sdxl_base().expect("SDXL base");
        synth::write(&configs, &file, SynthLayout::SingleFile, &|_| Ok(())).expect("7 GB of disk");
    }
    Checkpoint::open(&file).expect("a checkpoint")
}

/// `[1, height, width, channels]` of noise.
fn noise(seed: u64, shape: Shape) -> HostTensor {
    HostTensor::f32(shape, TorchRng::seed(seed).normals(shape.len()))
}

/// One call for a picture of 256×256; latents, text and time as the first step would have them.
fn prediction(unet: &UNet, backend: &dyn Backend, element: Element) -> Vec<f32> {
    let config = unet.config();
    let latents = Shape::image(1, 32, 32, config.in_channels);
    let channels = config.block_out_channels[0];
    let inputs = [
        ("latents", &noise(1, latents)),
        ("time", &HostTensor::f32(Shape::vector(1, channels), sinusoid(&[999.0], channels))),
        ("context", &noise(2, Shape::tokens(1, LENGTH, config.cross_attention_dim))),
        ("added", &noise(3, Shape::vector(1, config.projection_class_embeddings_input_dim))),
    ];
    let graph = unet.graph(&UNetInputs::new(latents, LENGTH), element).expect("shapes fit");
    let mut program = backend.compile(graph.into()).expect("it compiles");
    let mut prediction = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        prediction =
            program.run(&inputs, &CancelToken::default()).expect("it runs").remove(0).as_f32().to_vec();
        println!("{}: a UNet call of 256×256 in {:.2?}", backend.name(), start.elapsed());
    }
    prediction
}

#[test]
#[ignore = "writes 7 GB and needs 16 GB of memory"]
fn a_unet_call_of_full_size_agrees_on_both_backends() {
    let checkpoint = model();
    let config: UNetConfig = checkpoint.config(Part::Unet).expect("a configuration");
    let unet = UNet::load(&checkpoint.weights(Part::Unet).expect("a UNet"), config).expect("a UNet");
    let predictions: Vec<_> =
        backends().iter().map(|b| prediction(&unet, b.as_ref(), Element::F32)).collect();
    let square = |x: f32| f64::from(x) * f64::from(x);
    let error: f64 = predictions[0].iter().zip(&predictions[1]).map(|(a, b)| square(a - b)).sum();
    let nmse = error / predictions[0].iter().map(|a| square(*a)).sum::<f64>();
    println!("normalised mean square error {nmse:.2e}");
    assert!(nmse < 1e-8, "the backends differ: {nmse:.2e}");
}
