//! The tiny decoder against diffusers' `AutoencoderTiny` (tests/fixtures/make_taesd.py), under both kinds of
//! names that such files have.

use fulmen_engine::backend::{CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Shape};
use fulmen_engine::synth;
use fulmen_engine::vae::{TinyConfig, TinyDecoder, TinyNames};
use fulmen_engine::weights::{Weight, Weights};

use super::devices::backends;
use super::golden::{Golden, beside};

const LATENTS: Shape = Shape::image(1, 3, 4, 4);

/// All layers under diffusers' names: number, inputs, outputs, and whether there is a bias.
fn layers() -> Vec<(String, [usize; 4], bool)> {
    let conv = |name: String, inputs, outputs, bias| (name, [outputs, inputs, 3, 3], bias);
    let mut layers = vec![conv("0".into(), 4, 64, true), conv("18".into(), 64, 3, true)];
    layers.extend([6, 11, 16].map(|number| conv(number.to_string(), 64, 64, false)));
    for block in [2, 3, 4, 7, 8, 9, 12, 13, 14, 17] {
        layers.extend([0, 2, 4].map(|part| conv(format!("{block}.conv.{part}"), 64, 64, true)));
    }
    layers
}

/// The seeded weights of the fixture, under names of a kind.
fn weights(names: TinyNames) -> Vec<Weight> {
    let named = |layer: &str| match (names, layer.split_once('.')) {
        (TinyNames::Diffusers, _) => format!("decoder.layers.{layer}"),
        (TinyNames::Original, None) => (layer.parse::<usize>().expect("a number") + 1).to_string(),
        (TinyNames::Original, Some((number, rest))) => {
            format!("{}.{rest}", number.parse::<usize>().expect("a number") + 1)
        }
    };
    let mut weights = Vec::new();
    for (layer, shape, bias) in layers() {
        for (part, shape) in [("weight", shape.to_vec()), ("bias", vec![shape[0]])] {
            if part == "weight" || bias {
                let values = synth::values(&format!("vae.decoder.layers.{layer}.{part}"), &shape);
                weights.push(Weight::from_f16(format!("{}.{part}", named(&layer)), shape, &values));
            }
        }
    }
    weights
}

fn decoder(names: TinyNames) -> TinyDecoder {
    let weights = weights(names);
    assert_eq!(TinyNames::of(weights.iter().map(Weight::name)), Some(names));
    let weights = Weights::of(&weights);
    TinyDecoder::load(&weights, names, TinyConfig::default()).expect("it was just made")
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
    for (names, backend) in [TinyNames::Diffusers, TinyNames::Original].into_iter().zip(backends()) {
        let decoder = decoder(names);
        for (element, tolerance) in [(Element::F32, 3e-6), (Element::F16, 2.7e-3)] {
            let graph = decoder.graph(LATENTS, element, true).expect("a graph");
            let mut program = backend.compile(graph.into()).expect("it compiles");
            let outputs = program.run(&[("latents", &latents)], &CancelToken::default()).expect("it runs");
            assert_eq!(outputs[1].shape, Shape::image(1, 24, 32, 3));
            let off = outputs[1].as_f32().iter().zip(&wanted).map(|(got, want)| (got - want).abs());
            let off = off.fold(0.0, f32::max) / range;
            assert!(off < tolerance, "{names:?} in {element:?} on {}: off by {off:.1e}", backend.name());
        }
    }
}

#[test]
fn a_tiny_decoder_of_another_make_is_refused_by_its_field() {
    assert_eq!(TinyConfig::default().unsupported(), None);
    let fields = [
        ("act_fn", r#"{"act_fn": "silu"}"#),
        ("upsampling_scaling_factor", r#"{"upsampling_scaling_factor": 4}"#),
        ("num_decoder_blocks", r#"{"num_decoder_blocks": [3]}"#),
        ("num_decoder_blocks", r#"{"num_decoder_blocks": [3, 3, 3, 4000000000]}"#),
        ("decoder_block_out_channels", r#"{"decoder_block_out_channels": []}"#),
        ("decoder_block_out_channels", r#"{"decoder_block_out_channels": [64, 64, 64, 32]}"#),
        ("scaling_factor", r#"{"scaling_factor": 0}"#),
    ];
    for (field, json) in fields {
        let config: TinyConfig = serde_json::from_str(json).expect("a configuration");
        let sentence = config.unsupported().unwrap_or_default();
        assert!(sentence.contains(&format!("`{field}`")), "{json}: {sentence:?}");
    }
    assert_eq!(TinyNames::of(["decoder.conv_in.weight"]), None);
}
