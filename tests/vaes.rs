//! VAEs from files of their own, in place of a model's or for its previews, against diffusers
//! (tests/fixtures/make_vaes.py).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::{Event, Watch};
use fulmen_engine::networks::inventory;
use fulmen_engine::picture::Picture;
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::{Configs, Part};
use fulmen_engine::{Engine, Options, Request};
use half::f16;
use safetensors::SafeTensors;
use serde_json::Value;

use super::devices::backends;
use super::golden::beside;
use super::taesd::{Tensor, seeded, write};

/// Of 255; 0.00033 is the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.001;

/// The seeded decoder of the fixture, and some of an encoder, under diffusers' names.
fn tiny() -> Vec<Tensor> {
    let mut tensors = seeded();
    for (name, shape) in [("0.weight", [64, 3, 3, 3]), ("3.conv.0.weight", [64, 64, 3, 3])] {
        let values = vec![f16::ONE; shape.iter().product()];
        tensors.push((format!("encoder.layers.{name}"), shape.to_vec(), values));
    }
    tensors
}

/// The same in the original code's names, each half behind a prefix. `None` leaves a half out.
fn numbered(decoder: &str, encoder: Option<&str>) -> Vec<Tensor> {
    let rename = |(name, shape, values): Tensor| {
        let (half, rest) = name.split_once(".layers.").expect("a layer");
        let (number, rest) = rest.split_once('.').expect("a number");
        let number: usize = number.parse().expect("a number");
        let name = match half {
            "decoder" => format!("{decoder}{}.{rest}", number + 1),
            _ => format!("{}{number}.{rest}", encoder?),
        };
        Some((name, shape, values))
    };
    tiny().into_iter().filter_map(rename).collect()
}

/// The model that the fixture is of, in a folder.
fn model(folder: &Path) -> PathBuf {
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    let model = folder.join("model");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    model
}

fn engine(backend: Arc<dyn Backend>, model: &Path, vae: &Path) -> Engine {
    let parts = [(Part::Vae, vae.to_path_buf())].into();
    let options = Options { model: Some(model.to_path_buf()), parts, ..Options::default() };
    Engine::open_on(backend, &options).unwrap_or_else(|e| panic!("{}: {e}", vae.display()))
}

/// The request of the fixture.
fn request() -> Request {
    let case = fs::read(beside("fixtures/goldens/sdxl_like/case.json")).expect("case.json");
    let case: Value = serde_json::from_slice(&case).expect("a case");
    let number = |name: &str| case[name].as_u64().map(|number| number as usize);
    Request {
        width: number("width"),
        height: number("height"),
        steps: number("steps"),
        seed: case["seed"].as_u64(),
        ..Request::new(case["prompt"].as_str().expect("a prompt"))
    }
}

/// Panics unless this is diffusers' picture.
fn check(engine: &mut Engine, vae: &str, file: &Path) {
    let bytes = fs::read(beside("fixtures/vaes.safetensors")).expect("the fixture");
    let fixture = SafeTensors::deserialize(&bytes).expect("tensors");
    let wanted = fixture.tensor(vae).expect(vae).data();
    let picture = engine.draw(&request()).expect("a picture");
    assert_eq!(picture.rgb.len(), wanted.len());
    let apart = picture.rgb.iter().zip(wanted).map(|(a, b)| f64::from(a.abs_diff(*b)));
    let mean = apart.sum::<f64>() / wanted.len() as f64;
    assert!(mean <= MEAN, "{} on {}: {mean}", file.display(), engine.device());
}

#[test]
fn a_tiny_vae_of_every_form_draws_diffusers_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let (at, model) = (|name: &str| folder.path().join(name), model(folder.path()));
    write(&at("taesdxl/diffusion_pytorch_model.safetensors"), &tiny());
    fs::write(at("taesdxl/config.json"), r#"{"_class_name": "AutoencoderTiny", "scaling_factor": 1.0}"#)
        .expect("written");
    write(&at("bare.safetensors"), &tiny());
    write(&at("only/diffusion_pytorch_model.safetensors"), &tiny());
    write(&at("taesdxl_decoder.safetensors"), &numbered("", None));
    write(&at("both.safetensors"), &numbered("decoder.", Some("encoder.")));
    write(&at("named.safetensors"), &numbered("taesd_decoder.", Some("taesd_encoder.")));
    for file in ["taesdxl", "bare.safetensors", "only", "taesdxl_decoder.safetensors", "both.safetensors"] {
        check(&mut engine(Arc::new(CpuBackend::new()), &model, &at(file)), "tiny", &at(file));
    }
    for backend in backends() {
        check(&mut engine(backend, &model, &at("named.safetensors")), "tiny", &at("named.safetensors"));
    }
}

#[test]
fn a_vae_of_other_weights_draws_diffusers_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(folder.path());
    let configs = Configs::folder(&model).expect("configurations");
    let specs = inventory(&configs, Part::Vae).expect("a VAE");
    let tensors: Vec<Tensor> = specs
        .into_iter()
        .map(|spec| {
            let values = synth::values(&format!("other.{}", spec.name), &spec.shape);
            (spec.name, spec.shape, values)
        })
        .collect();
    let (file, repository) = (folder.path().join("bare.safetensors"), folder.path().join("other"));
    write(&file, &tensors);
    write(&repository.join("diffusion_pytorch_model.safetensors"), &tensors);
    fs::copy(model.join("vae/config.json"), repository.join("config.json")).expect("copied");
    for (backend, given) in backends().into_iter().zip([&file, &repository]) {
        check(&mut engine(backend, &model, given), "kl", given);
    }
}

/// What is shown of a picture, and the picture.
fn shown(engine: &mut Engine, side: usize) -> (Vec<Picture>, Picture) {
    let (mut previews, mut last) = (vec![], None);
    let mut event = |event| match event {
        Event::Preview { picture, .. } => previews.push(*picture),
        Event::Picture(drawn) => last = Some(drawn.picture),
        _ => (),
    };
    let request = Request { width: Some(side), height: Some(side), ..request() };
    let cancel = CancelToken::default();
    let mut watch = Watch { event: &mut event, trace: None, previews: 2, cancel };
    engine.generate(&request, &mut watch).expect("a picture");
    (previews, last.expect("a picture"))
}

#[test]
fn previews_are_decoded_whole_by_a_tiny_vae_of_their_own() {
    const SIDE: usize = 320;
    let folder = tempfile::tempdir().expect("a folder");
    let vae = folder.path().join("taesdxl_decoder.safetensors");
    write(&vae, &numbered("", None));
    for backend in backends() {
        let (vae, parts) = (Some(vae.clone()), [(Part::Vae, vae.clone())]);
        let own = Options::default();
        let beside = Options { preview_vae: vae, ..own.clone() };
        let instead = Options { parts: parts.into(), ..own.clone() };
        let [own, beside, instead] = [own, beside, instead].map(|options| {
            let mut engine = Engine::open_on(backend.clone(), &options).expect("the demo model");
            let (previews, picture) = shown(&mut engine, SIDE);
            assert_eq!(previews.len(), 2);
            let largest = engine.largest_preview();
            assert!(previews.iter().all(|preview| preview.width.max(preview.height) <= largest));
            (previews, picture)
        });
        assert!(beside.1.rgb == own.1.rgb, "pictures are the model's own on {}", backend.name());
        assert!(instead.1.rgb != own.1.rgb);
        // 40 latents of a side are more than the model's own decoder is given for a preview.
        assert_eq!((own.0[0].width, beside.0[0].width), (SIDE / 2, SIDE));
        for (beside, instead) in beside.0.iter().zip(&instead.0) {
            assert!(beside.rgb == instead.rgb, "previews are of the same latents on {}", backend.name());
        }
        assert!(beside.0[0].rgb != beside.0[1].rgb);
    }
}
