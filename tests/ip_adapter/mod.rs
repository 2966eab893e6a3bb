//! Pictures as prompts against diffusers' IP-Adapter, and their encoder against transformers
//! (tests/fixtures/make_ip_adapter.py).

mod files;
mod pickled;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::{Event, Order, Precision, Watch};
use fulmen_engine::graph::{Element, Shape};
use fulmen_engine::init::InitLatents;
use fulmen_engine::ip_adapter::{Seen, VisionEncoder, patches};
use fulmen_engine::picture::Picture;
use fulmen_engine::request::{Guidance, ImagePrompt, Nag};
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Options, Request};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::devices::backends;
use crate::golden::beside;
use crate::samplers::{apart, cases, floats, read, request};
use crate::taesd::{Tensor, write};

/// Of 255; 0.00033 is the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.001;
/// The same with activations in 16 bits, where that was 0.12.
const MEAN_F16: f64 = 0.35;
/// Of the greatest value; 6.4e-7 is the most that was measured.
const ENCODED: f32 = 2e-6;

/// The fixture's files, written out.
struct Fixture {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    about: Value,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let about: Value = serde_json::from_slice(&read("ip_adapter.json")).expect("a fixture");
        let fixture = Self { folder, bytes: read("ip_adapter.safetensors"), about };
        for (name, prefix) in [("base", "ip_base"), ("plus", "ip_plus")] {
            write(&fixture.file(name), &fixture.seeded(name, prefix));
        }
        let encoder = fixture.encoder();
        write(&encoder.join("model.safetensors"), &fixture.seeded("vision", "image_encoder"));
        fs::write(encoder.join("config.json"), fixture.about["vision"].to_string()).expect("written");
        let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
        synth::write(&configs, &fixture.model(), SynthLayout::Folder, &|_| Ok(())).expect("a model");
        fixture
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("tensors")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn model(&self) -> PathBuf {
        self.at("model")
    }

    fn encoder(&self) -> PathBuf {
        self.at("models/image_encoder")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.at(&format!("{name}.safetensors"))
    }

    /// The tensors of one of its files.
    fn seeded(&self, file: &str, prefix: &str) -> Vec<Tensor> {
        let shapes = self.about["shapes"][file].as_object().expect("shapes");
        let extents = |shape: &Value| -> Vec<usize> {
            let extents = shape.as_array().expect("a shape").iter();
            extents.map(|extent| extent.as_u64().expect("an extent") as usize).collect()
        };
        let one = |(name, shape): (&String, &Value)| {
            let shape = extents(shape);
            let values = synth::values(&format!("{prefix}.{name}"), &shape);
            (name.clone(), shape, values)
        };
        shapes.iter().map(one).collect()
    }

    fn picture(&self, name: &str) -> Arc<Picture> {
        let tensors = self.tensors();
        let rgb = tensors.tensor(&format!("{name}.rgb")).expect(name);
        let [height, width, _] = rgb.shape()[..] else { panic!("a picture") };
        Arc::new(Picture::new(width, height, rgb.data().to_vec()))
    }

    fn prompt(&self, file: &str, pictures: &str, scale: f32) -> ImagePrompt {
        let pictures = pictures.chars().map(|name| self.picture(&name.to_string())).collect();
        // The encoder may be named by the folder that it lies in.
        ImagePrompt { file: self.file(file), encoder: self.at("models"), pictures, scale }
    }

    /// The request of a case.
    fn request(&self, case: &Value) -> Request {
        let prompts = case["prompts"].as_array().expect("prompts").iter().map(|prompt| {
            let word = |name: &str| prompt[name].as_str().expect(name);
            self.prompt(word("file"), word("pictures"), prompt["scale"].as_f64().expect("a scale") as f32)
        });
        let init_latents = case["strength"].as_f64().map(|denoising_strength| InitLatents {
            latents: Arc::from(floats(&self.tensors(), "latents")),
            denoising_strength,
            mask: None,
        });
        Request { image_prompts: prompts.collect(), init_latents, ..request(case) }
    }

    /// The model with a case's scheduler.
    fn engine(&self, backend: Arc<dyn Backend>, case: &Value, precision: Precision) -> Engine {
        let scheduler = self.model().join("scheduler/scheduler_config.json");
        fs::write(scheduler, case["config"].to_string()).expect("written");
        let options = Options { model: Some(self.model()), precision: Some(precision), ..Options::default() };
        Engine::open_on(backend, &options).expect("a model")
    }
}

fn rows() -> Vec<Value> {
    cases("ip_adapter.json", 8)
}

#[test]
fn pictures_after_pictures_are_diffusers() {
    let fixture = Fixture::new();
    let mut wrong = vec![];
    for case in rows() {
        let name = case["name"].as_str().expect("a name");
        for (backend, (precision, most)) in backends().into_iter().flat_map(|backend| {
            let precisions = [(Precision::F32, MEAN), (Precision::F16, MEAN_F16)];
            precisions.map(|precision| (backend.clone(), precision))
        }) {
            let mut engine = fixture.engine(backend, &case, precision);
            let picture = engine.draw(&fixture.request(&case)).expect(name);
            let mean = apart(&picture, &fixture.tensors(), name);
            if mean > most {
                wrong.push(format!("{name} on {} in {precision:?}: {mean}", engine.device()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn encoders_of_pictures_are_transformers() {
    let fixture = Fixture::new();
    let encoder = VisionEncoder::open(&fixture.encoder()).expect("an encoder");
    let (config, tensors) = (encoder.config(), fixture.tensors());
    let shape = |channels| Shape::image(1, config.tokens(), 1, channels);
    for name in ["a", "b", "c"] {
        let patches = patches(&fixture.picture(name), config);
        let wanted =
            in_patches(&floats(&tensors, &format!("{name}.pixels")), config.image_size, config.patch_size);
        let apart = patches[config.patch_len()..].iter().zip(&wanted).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        // A byte that is off by one would be 0.014.
        assert!(patches.len() == wanted.len() + config.patch_len() && apart < 1e-6, "{name}: {apart}");
        for backend in backends() {
            for (seen, what) in [(Seen::Whole, "embeds"), (Seen::Penultimate, "hidden")] {
                let graph = Arc::new(encoder.graph(seen, Element::F32).expect("a graph"));
                let mut program = backend.compile(graph).expect("a program");
                let (patches, positions, first) = (
                    HostTensor::f32(shape(config.patch_len()), patches.clone()),
                    HostTensor::f32(shape(config.hidden_size), encoder.positions().to_vec()),
                    HostTensor::u32(Shape::vector(1, 1), vec![0]),
                );
                let mut inputs = vec![("patches", &patches), ("positions", &positions)];
                inputs.extend((seen == Seen::Whole).then_some(("first", &first)));
                let outputs = program.run(&inputs, &CancelToken::default()).expect("a run");
                let (got, wanted) = (outputs[0].as_f32(), floats(&tensors, &format!("{name}.{what}")));
                let most = wanted.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
                let apart = got.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most;
                assert!(
                    got.len() == wanted.len() && apart < ENCODED,
                    "{name}.{what} on {}: {apart:e}",
                    backend.name()
                );
            }
        }
    }
}

/// `[3, side, side]` as patches, `[patches, 3 · patch · patch]`.
fn in_patches(pixels: &[f32], side: usize, patch: usize) -> Vec<f32> {
    let corners = (0..side).step_by(patch).flat_map(|y| (0..side).step_by(patch).map(move |x| (y, x)));
    let within = |(top, left): (usize, usize)| {
        (0..3).flat_map(move |colour| {
            (0..patch).flat_map(move |y| (0..patch).map(move |x| (colour * side + top + y) * side + left + x))
        })
    };
    corners.flat_map(within).map(|place| pixels[place]).collect()
}

#[test]
fn a_scale_of_nought_is_the_picture_without_and_others_are_not() {
    let fixture = Fixture::new();
    let case = &rows()[1];
    let plain = Request { image_prompts: vec![], ..fixture.request(case) };
    for backend in backends() {
        let mut engine = fixture.engine(backend, case, Precision::F32);
        let without = engine.draw(&plain).expect("a picture");
        let mut drawn = |scale| {
            let image_prompts = vec![fixture.prompt("plus", "a", scale)];
            engine.draw(&Request { image_prompts, ..plain.clone() }).expect("a picture")
        };
        assert!(drawn(0.0) == without);
        let (weak, strong) = (difference(&drawn(0.2), &without), difference(&drawn(1.0), &without));
        assert!(0.0 < weak && weak < strong, "{weak} and {strong}");
    }
}

/// The mean of 255.
fn difference(a: &Picture, b: &Picture) -> f64 {
    let apart = a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b)));
    apart.sum::<f64>() / a.rgb.len() as f64
}

#[test]
fn pictures_after_others_are_drawn_side_by_side_as_alone() {
    let fixture = Fixture::new();
    let case = &rows()[1];
    let asked = |name: &str, file: &str, scale, seed| {
        let image_prompts = vec![fixture.prompt(file, name, scale)];
        Request {
            image_prompts,
            seed: Some(seed),
            width: Some(16),
            height: Some(16),
            ..fixture.request(case)
        }
    };
    let requests = [asked("a", "base", 0.9, 1), asked("b", "base", 0.4, 2), asked("b", "plus", 0.4, 3)];
    let mut engine = fixture.engine(Arc::new(CpuBackend::new()), case, Precision::F32);
    let alone: Vec<Picture> = requests.iter().map(|r| engine.draw(r).expect("a picture")).collect();
    let drawn = std::sync::Mutex::new(vec![None; 3]);
    let mut events: Vec<_> = (0..3)
        .map(|at| {
            let drawn = &drawn;
            move |event| {
                if let Event::Picture(picture) = event {
                    drawn.lock().expect("no panic")[at] = Some(picture.picture);
                }
            }
        })
        .collect();
    let mut orders: Vec<Order<'_>> = requests
        .iter()
        .zip(&mut events)
        .map(|(request, event)| {
            let watch = Watch { event, trace: None, previews: 0, cancel: CancelToken::default() };
            Order { request, watch }
        })
        .collect();
    engine.generate_together(&mut orders, &mut |_, end| end.expect("a picture"));
    let drawn = drawn.lock().expect("no panic");
    for (at, alone) in alone.iter().enumerate() {
        assert!(drawn[at].as_ref() == Some(alone), "picture {at}");
    }
}

/// With attention guidance of alpha 0 nothing is blended in, so all is as without it; with more, pictures still count.
#[test]
fn attention_guidance_takes_what_is_seen_as_wanted() {
    let fixture = Fixture::new();
    let case = &rows()[0];
    let nag = |alpha| Nag { scale: Some(4.0), tau: Some(2.5), alpha: Some(alpha) };
    let guided = |alpha, image_prompts| Request {
        nag: nag(alpha),
        negative_prompt: Some("a dog".into()),
        guidance: Some(Guidance::Exactly(1.0)),
        image_prompts,
        ..fixture.request(case)
    };
    let after = vec![fixture.prompt("base", "a", 0.8)];
    let mut engine = fixture.engine(Arc::new(CpuBackend::new()), case, Precision::F32);
    let plain = Request { image_prompts: after.clone(), ..fixture.request(case) };
    let plain = engine.draw(&plain).expect("a picture");
    assert!(engine.draw(&guided(0.0, after.clone())).expect("a picture") == plain);
    let with = engine.draw(&guided(0.5, after)).expect("a picture");
    let without = engine.draw(&guided(0.5, vec![])).expect("a picture");
    assert!(difference(&with, &plain) > 0.1 && difference(&with, &without) > 0.1);
}
