//! Normalised attention guidance in a whole UNet, against the same network of diffusers in f64 with the paper's
//! formula written out (tests/fixtures/make_nag.py). The two images of the batch differ in everything.

use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Graph, Shape};
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::unet::{UNet, UNetInputs, sinusoid};
use fulmen_engine::weights::{Checkpoint, Configs, Part};

use super::devices::backends;
use super::golden::{Golden, beside};

/// Relative to the range of the prediction, which guidance moves by a tenth of its spread.
const TOLERANCE: f32 = 3e-6;
const TIMESTEP: f32 = 500.0;
const PIXELS: usize = 64;

/// `[n, c, h, w]` to `[n, h, w, c]`, or back.
fn turned(values: &[f32], from: usize, to: usize) -> Vec<f32> {
    let image = |image: &[f32]| -> Vec<f32> {
        (0..to).flat_map(|p| (0..from).map(move |c| (c, p))).map(|(c, p)| image[c * to + p]).collect()
    };
    values.chunks_exact(from * to).flat_map(image).collect()
}

struct Inputs(Vec<(&'static str, HostTensor)>);

impl Inputs {
    fn of(golden: &Golden, unet: &UNet) -> Self {
        let config = unet.config();
        let tokens = |name: &str| {
            let shape = Shape::tokens(2, golden.shape(name)[1], config.cross_attention_dim);
            HostTensor::f32(shape, golden.values(name).to_vec())
        };
        let time = sinusoid(&[TIMESTEP; 2], config.block_out_channels[0]);
        let pooled = golden.values("pooled").chunks_exact(golden.shape("pooled")[1]);
        let sizes = golden.values("time_ids").chunks_exact(6);
        let added = pooled.zip(sizes).flat_map(|(pooled, sizes)| {
            [pooled.to_vec(), sinusoid(sizes, config.addition_time_embed_dim)].concat()
        });
        let added =
            HostTensor::f32(Shape::vector(2, config.projection_class_embeddings_input_dim), added.collect());
        let latents = turned(golden.values("latents"), 4, PIXELS);
        Self(vec![
            ("latents", HostTensor::f32(Shape::image(2, 8, 8, 4), latents)),
            ("time", HostTensor::f32(Shape::vector(2, config.block_out_channels[0]), time)),
            ("context", tokens("context")),
            ("added", added),
            ("negative", tokens("negative")),
            ("guidance", HostTensor::f32(Shape::vector(2, 3), golden.values("guidance").to_vec())),
        ])
    }

    fn run(&self, graph: Graph, backend: &Arc<dyn Backend>) -> Vec<f32> {
        let given: Vec<(&str, &HostTensor)> = self.0.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let mut program = backend.compile(graph.into()).expect("it compiles");
        let prediction = program.run(&given, &CancelToken::default()).expect("it runs").remove(0);
        turned(prediction.as_f32(), PIXELS, 4)
    }
}

fn unet() -> UNet {
    let folder = tempfile::tempdir().expect("a folder");
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    let model = folder.path().join("model");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    let checkpoint = Checkpoint::open(&model).expect("the model");
    let weights = checkpoint.weights(Part::Unet).expect("weights");
    UNet::load(&weights, checkpoint.config(Part::Unet).expect("a configuration")).expect("a UNet")
}

#[test]
fn a_guided_unet_agrees_with_diffusers_in_f64() {
    let golden = Golden::read(&beside("fixtures/nag.safetensors"));
    let unet = unet();
    let inputs = Inputs::of(&golden, &unet);
    let latents = Shape::image(2, 8, 8, 4);
    let guided = UNetInputs { negative_tokens: Some(9), ..UNetInputs::new(latents, 7) };
    for backend in backends() {
        let graph = unet.graph(&guided, Element::F32).expect("a graph");
        golden.check("guided", &inputs.run(graph, &backend), TOLERANCE, backend.name());
    }
}

#[test]
fn guidance_of_nothing_is_the_network_without_it() {
    let golden = Golden::read(&beside("fixtures/nag.safetensors"));
    let unet = unet();
    let mut inputs = Inputs::of(&golden, &unet);
    let latents = Shape::image(2, 8, 8, 4);
    let guided = UNetInputs { negative_tokens: Some(9), ..UNetInputs::new(latents, 7) };
    for backend in backends() {
        let plain = unet.graph(&UNetInputs::new(latents, 7), Element::F32).expect("a graph");
        assert!(plain.input("negative").is_none(), "a graph without guidance has no input for it");
        let unguided = inputs.run(plain, &backend);
        golden.check("unguided", &unguided, TOLERANCE, backend.name());
        inputs.0[5].1 = HostTensor::f32(Shape::vector(2, 3), vec![5.0, 2.5, 0.0, 3.0, 2.0, 0.0]);
        let graph = unet.graph(&guided, Element::F32).expect("a graph");
        assert_eq!(inputs.run(graph, &backend), unguided, "an alpha of 0 on {}", backend.name());
    }
}
