//! Transparent pictures: LayerDiffuse's decoder against a plain f64 reference (tests/fixtures/make_layer_diffuse.py), and
//! whole pictures with its files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::edit::Mask;
use fulmen_engine::engine::{TraceRow, Watch};
use fulmen_engine::graph::{Element, Shape};
use fulmen_engine::init::Init;
use fulmen_engine::layer_diffuse::{Orientation, TransparentDecoder, median};
use fulmen_engine::request::Transparency;
use fulmen_engine::synth;
use fulmen_engine::weights::LoraFile;
use fulmen_engine::{Engine, Options, Request};
use half::f16;
use safetensors::SafeTensors;
use serde_json::Value;

use super::devices::backends;
use super::samplers::{floats, read};
use super::taesd::{Tensor, write};

/// Most that a number is off in f32; 2.3e-6 is the most that was measured, on the CPU and on lavapipe.
const OFF: f32 = 7e-6;

/// Mean of 255 by which opacity and colours are off where the decoder is given rounded colours; 0.54 was measured.
const ROUNDED: f32 = 1.6;

/// The decoder's tensors.
fn seeded() -> Vec<Tensor> {
    let about: Value = serde_json::from_slice(&read("layer_diffuse.json")).expect("a fixture");
    let one = |(name, shape): (&String, &Value)| {
        let extents = shape.as_array().expect("a shape").iter();
        let shape: Vec<usize> = extents.map(|extent| extent.as_u64().expect("an extent") as usize).collect();
        let values = synth::values(&format!("vae_transparent_decoder.{name}"), &shape);
        (name.clone(), shape, values)
    };
    about["shapes"].as_object().expect("shapes").iter().map(one).collect()
}

/// The decoder, in a folder as it is published.
fn decoder(folder: &Path) -> TransparentDecoder {
    let file = folder.join("vae_transparent_decoder.safetensors");
    write(&file, &seeded());
    TransparentDecoder::open(&file).expect("a decoder")
}

/// What the decoder says of `[height, width]` pixels and their latents.
fn decoded(
    backend: &dyn Backend,
    decoder: &TransparentDecoder,
    [height, width]: [usize; 2],
    [pixels, latents]: [Vec<f32>; 2],
) -> Vec<f32> {
    let scale = TransparentDecoder::SCALE;
    let shape = Shape::image(1, height / scale, width / scale, decoder.latent_channels());
    let graph = Arc::new(decoder.graph(shape, Element::F32).expect("a graph"));
    let mut program = backend.compile(graph).expect("a program");
    let pixels = HostTensor::f32(Shape::image(1, height, width, 3), pixels);
    let latents = HostTensor::f32(shape, latents);
    let inputs = [("pixels", &pixels), ("latents", &latents)];
    program.run(&inputs, &CancelToken::default()).expect("a run")[0].as_f32().to_vec()
}

fn off(got: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(got.len(), wanted.len());
    got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_decoder_of_opacity_is_the_reference() {
    let bytes = read("layer_diffuse.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let folder = tempfile::tempdir().expect("a folder");
    let decoder = decoder(folder.path());
    let given = |name: &str| ["pixels", "latents"].map(|what| floats(&tensors, &format!("{name}.{what}")));
    for backend in backends() {
        let got = decoded(backend.as_ref(), &decoder, [64, 64], given("square"));
        let square = off(&got, &floats(&tensors, "square.out"));
        let size = [40, 24];
        let latents_size = size.map(|side| side / TransparentDecoder::SCALE);
        let [pixels, latents] = given("oblong");
        let answers = Orientation::ALL.map(|orientation| {
            let turned = [
                orientation.apply(&pixels, size, 3),
                orientation.apply(&latents, latents_size, decoder.latent_channels()),
            ];
            let answer = decoded(backend.as_ref(), &decoder, orientation.size(size), turned);
            let answer: Vec<f32> = answer.iter().map(|value| value.clamp(0.0, 1.0)).collect();
            orientation.undo(&answer, size, 4)
        });
        let oblong = off(&median(&answers), &floats(&tensors, "oblong.out"));
        assert!(square <= OFF && oblong <= OFF, "{}: {square:e} and {oblong:e}", backend.name());
    }
}

/// A tensor of a change, and what LayerDiffuse and LoRAs call it.
type Named = ([&'static str; 2], &'static [usize]);

/// Changes of the demo model: of attention, and of a convolution.
const CHANGES: [(&str, [Named; 2]); 2] = [
    (
        "layer_xl_transparent_attn.safetensors",
        [
            (
                [
                    "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight::lora::0",
                    "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.lora_up.weight",
                ],
                &[96, 4],
            ),
            (
                [
                    "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight::lora::1",
                    "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
                ],
                &[4, 96],
            ),
        ],
    ),
    (
        "layer_xl_transparent_conv.safetensors",
        [
            (
                ["diffusion_model.input_blocks.0.0.weight::diff::0", "lora_unet_input_blocks_0_0.diff"],
                &[64, 4, 3, 3],
            ),
            (["diffusion_model.input_blocks.0.0.bias::diff::0", "lora_unet_input_blocks_0_0.diff_b"], &[64]),
        ],
    ),
];

/// Writes a change under one of its two names, times a factor.
fn change(file: &Path, tensors: &[Named; 2], dialect: usize, factor: f32) {
    let one = |(names, shape): &Named| {
        let values = synth::values(names[1], shape);
        let values = values.iter().map(|value| f16::from_f32(value.to_f32() * factor)).collect();
        (names[dialect].to_owned(), shape.to_vec(), values)
    };
    let tensors: Vec<Tensor> = tensors.iter().map(one).collect();
    write(file, &tensors);
}

fn engine(loras: Vec<LoraFile>) -> Engine {
    let options = Options { loras, ..Options::default() };
    Engine::open_on(Arc::new(CpuBackend::new()), &options).expect("the demo model")
}

fn request(folder: Option<&Path>) -> Request {
    let transparency = folder.map(|folder| Transparency::LayerDiffuse(folder.to_path_buf()));
    let (width, height) = (Some(64), Some(48));
    Request { width, height, seed: Some(3), transparency, ..Request::new("a red circle") }
}

#[test]
fn the_model_is_changed_as_by_a_lora_of_the_same_numbers() {
    for (name, tensors) in CHANGES {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [changed, unchanged] = folders.each_ref().map(tempfile::TempDir::path);
        decoder(changed);
        decoder(unchanged);
        change(&changed.join(name), &tensors, 0, 1.0);
        change(&unchanged.join(name), &tensors, 0, 0.0);
        let lora = changed.join("lora.safetensors");
        change(&lora, &tensors, 1, 1.0);
        let mut plain = engine(vec![]);
        let picture = plain.draw(&request(Some(changed))).expect("a picture");
        let without = plain.draw(&request(Some(unchanged))).expect("a picture");
        assert!(picture.alpha.is_some() && picture != without, "{name}");
        let wanted =
            engine(vec![LoraFile::new(lora, 1.0)]).draw(&request(Some(unchanged))).expect("a picture");
        assert!(picture == wanted, "{name}");
    }
}

/// What the decoder is given are colours as the VAE decodes them: in a byte of each a step would be 0.004.
#[test]
fn the_decoder_of_opacity_sees_colours_before_they_are_rounded() {
    let folder = tempfile::tempdir().expect("a folder");
    decoder(folder.path());
    let (name, tensors) = &CHANGES[0];
    change(&folder.path().join(name), tensors, 0, 0.0);
    let (mut decoded, mut given) = (vec![], vec![]);
    let mut note = |row: &TraceRow| {
        match (row.program.as_str(), row.node.as_str(), row.shape[3]) {
            ("vae", _, 3) => decoded = row.head.clone(),
            ("opacity", "pixels", _) if given.is_empty() => given = row.head.clone(),
            _ => {}
        }
        Ok(())
    };
    let cancel = CancelToken::default();
    let mut watch = Watch { event: &mut drop, trace: Some(&mut note), previews: 0, cancel };
    engine(vec![]).generate(&request(Some(folder.path())), &mut watch).expect("a picture");
    assert!(decoded.len() == 8 && given.len() == 8, "{decoded:?} {given:?}");
    let colours = decoded.iter().map(|value| (value * 0.5 + 0.5).clamp(0.0, 1.0));
    for (given, colour) in given.iter().zip(colours) {
        assert!((given - colour).abs() < 1e-6, "{given} is not {colour}");
    }
    let is_whole = |value: &&f32| (*value * 255.0).fract().abs() < 1e-3;
    assert!(given.iter().filter(is_whole).count() < 8, "{given:?}");
}

#[test]
fn what_is_drawn_in_a_part_brings_its_opacity() {
    let folder = tempfile::tempdir().expect("a folder");
    decoder(folder.path());
    let (name, tensors) = &CHANGES[0];
    change(&folder.path().join(name), tensors, 0, 0.0);
    let mut engine = engine(vec![]);
    let picture = engine.draw(&request(None)).expect("a picture");
    let (width, height) = (picture.width, picture.height);
    let white = (0..width * height).map(|i| if i % width < 32 { 255 } else { 0 }).collect();
    let mask = Some(Arc::new(Mask { width, height, values: white }));
    let init = Some(Init { mask, denoising_strength: 1.0, ..Init::new(Arc::new(picture.clone())) });
    let drawn = engine.draw(&Request { init, ..request(Some(folder.path())) }).expect("a picture");
    let alpha = drawn.alpha.expect("an alpha");
    for (i, alpha) in alpha.iter().enumerate().filter(|(i, _)| i % width >= 32) {
        assert_eq!((*alpha, &drawn.rgb[3 * i..][..3]), (255, &picture.rgb[3 * i..][..3]), "pixel {i}");
    }
    let open = alpha.iter().enumerate().filter(|(i, alpha)| i % width < 32 && **alpha < 255).count();
    assert!(open > 100, "{open} pixels are not opaque where the model drew");
}

/// A decoder that is blind to latents says of the opaque picture what the transparent one is.
#[test]
fn a_transparent_picture_is_what_the_decoder_says_of_the_opaque_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut tensors = seeded();
    for (name, _, values) in &mut tensors {
        if name.starts_with("latent_conv_in.") {
            values.fill(f16::ZERO);
        }
    }
    write(&folder.join("vae_transparent_decoder.safetensors"), &tensors);
    let decoder =
        TransparentDecoder::open(&folder.join("vae_transparent_decoder.safetensors")).expect("a decoder");
    let (name, change_tensors) = &CHANGES[0];
    change(&folder.join(name), change_tensors, 0, 0.0);
    let mut engine = engine(vec![]);
    let opaque = engine.draw(&request(None)).expect("a picture");
    let drawn = engine.draw(&request(Some(folder))).expect("a picture");
    let pixels: Vec<f32> = opaque.rgb.iter().map(|colour| f32::from(*colour) / 255.0).collect();
    let (size, backend) = ([48, 64], CpuBackend::new());
    let answers = Orientation::ALL.map(|orientation| {
        let given = [orientation.apply(&pixels, size, 3), vec![0.0; 6 * 8 * decoder.latent_channels()]];
        let answer = decoded(&backend, &decoder, orientation.size(size), given);
        let answer: Vec<f32> = answer.iter().map(|value| value.clamp(0.0, 1.0)).collect();
        orientation.undo(&answer, size, 4)
    });
    let alpha = drawn.alpha.as_ref().expect("an alpha");
    // The opaque picture's colours are rounded, and those that the decoder was given were not.
    let mut apart = 0.0;
    for (at, pixel) in median(&answers).chunks_exact(4).enumerate() {
        let drawn = [alpha[at], drawn.rgb[3 * at], drawn.rgb[3 * at + 1], drawn.rgb[3 * at + 2]];
        apart += drawn.into_iter().zip(pixel).map(|(a, b)| (f32::from(a) - b * 255.0).abs()).sum::<f32>();
    }
    let apart = apart / (4 * alpha.len()) as f32;
    assert!(apart < ROUNDED, "{apart} of 255 apart");
    // And nothing is left of it in the next picture.
    assert!(engine.draw(&request(None)).expect("a picture") == opaque);
}

#[test]
fn folders_that_lack_a_file_are_told_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusal = || engine(vec![]).draw(&request(Some(folder.path()))).expect_err("no picture").to_string();
    assert!(
        refusal().contains("has no layer_xl_transparent_attn.safetensors; give a folder with"),
        "{}",
        refusal()
    );
    let (name, tensors) = &CHANGES[1];
    change(&folder.path().join(name), tensors, 0, 1.0);
    assert!(refusal().contains("has no vae_transparent_decoder.safetensors"), "{}", refusal());
    write(&folder.path().join("vae_transparent_decoder.safetensors"), &seeded()[..3]);
    assert!(refusal().contains("is not LayerDiffuse's decoder"), "{}", refusal());
    decoder(folder.path());
    fs::write(folder.path().join(name), "no tensors").expect("written");
    let damaged = refusal();
    assert!(damaged.contains(name) && !damaged.contains("asks for a LoRA"), "{damaged}");
}
