//! The tiny decoder against diffusers' `AutoencoderTiny` (tests/fixtures/make_taesd.py).

use fulmen_engine::backend::{CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Shape, Tiling};
use fulmen_engine::vae::{TinyConfig, TinyDecoder};
use fulmen_engine::weights::{Weight, Weights};

use super::devices::backends;
use super::golden::{Golden, beside};
use super::taesd::{Tensor, seeded};

const LATENTS: Shape = Shape::image(1, 3, 4, 4);

/// With the seeded weights of the fixture.
fn decoder() -> TinyDecoder {
    let weight = |(name, shape, values): Tensor| Weight::from_f16(name, shape, &values);
    let weights: Vec<Weight> = seeded().into_iter().map(weight).collect();
    TinyDecoder::load(&Weights::of(&weights), &TinyConfig::default()).expect("it was just made")
}

/// `[c, h, w]` to `[h, w, c]`.
fn channels_last(values: &[f32], channels: usize) -> Vec<f32> {
    let pixels = values.len() / channels;
    (0..pixels)
        .flat_map(|p| (0..channels).map(move |c| (c, p)))
        .map(|(c, p)| values[c * pixels + p])
        .collect()
}

#[test]
fn the_tiny_decoder_agrees_with_diffusers() {
    let golden = Golden::read(&beside("fixtures/taesd.safetensors"));
    let latents = HostTensor::f32(LATENTS, channels_last(golden.values("latents"), 4));
    let wanted = channels_last(golden.values("image"), 3);
    let range = wanted.iter().fold(0.0f32, |range, value| range.max(value.abs()));
    let decoder = decoder();
    for backend in backends() {
        for (element, tolerance) in [(Element::F32, 3e-6), (Element::F16, 2.7e-3)] {
            let graph = decoder.graph(LATENTS, Tiling::default(), element, true).expect("a graph");
            let mut program = backend.compile(graph.into()).expect("it compiles");
            let outputs = program.run(&[("latents", &latents)], &CancelToken::default()).expect("it runs");
            assert_eq!(outputs[1].shape, Shape::image(1, 24, 32, 3));
            let off = outputs[1].as_f32().iter().zip(&wanted).map(|(got, want)| (got - want).abs());
            let off = off.fold(0.0, f32::max) / range;
            assert!(off < tolerance, "{element:?} on {}: off by {off:.1e}", backend.name());
        }
    }
}
