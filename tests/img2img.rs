//! Pictures drawn over pictures, and in parts of them, against diffusers' pipelines (tests/fixtures/make_img2img.py).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::edit::Mask;
use fulmen_engine::engine::Precision;
use fulmen_engine::init::Init;
use fulmen_engine::networks::inventory;
use fulmen_engine::picture::Picture;
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::{Configs, Part};
use fulmen_engine::{Engine, Options, Request};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::devices::backends;
use super::golden::beside;
use super::samplers::{apart, cases, read, request};
use super::taesd::{self, Tensor};

/// Of 255; 0.0029 and 0.092 are the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.009;
const MEAN_F16: f64 = 0.28;

/// The fixture's model of this case, made once.
pub(super) struct Models {
    folder: tempfile::TempDir,
    made: BTreeMap<String, PathBuf>,
}

impl Models {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), made: BTreeMap::new() }
    }

    pub(super) fn of(&mut self, case: &Value) -> PathBuf {
        let (name, nine) = (case["model"].as_str().expect("a model"), case["inpainting"] == true);
        let folder = self.folder.path();
        let make = || {
            let configs = folder.join(format!("configs-{name}-{nine}"));
            copy(&beside("fixtures/goldens").join(name), &configs);
            if nine {
                change(&configs.join("unet/config.json"), |config| config["in_channels"] = json!(9));
            }
            let model = folder.join(format!("{name}-{nine}"));
            let configs = Configs::folder(&configs).expect("configurations");
            synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
            model
        };
        let model = self.made.entry(format!("{name}-{nine}")).or_insert_with(make).clone();
        change(&model.join("scheduler/scheduler_config.json"), |config| *config = case["config"].clone());
        model
    }

    fn tiny_vae(&self) -> PathBuf {
        let folder = self.folder.path().join("tiny");
        fs::create_dir_all(folder.join("vae")).expect("a folder");
        fs::write(folder.join("vae/config.json"), r#"{"_class_name": "AutoencoderTiny"}"#).expect("written");
        let configs = Configs::folder(&folder).expect("configurations");
        let tensors: Vec<Tensor> = inventory(&configs, Part::Vae)
            .expect("a VAE")
            .into_iter()
            .map(|spec| {
                let values = synth::values(&format!("vae.{}", spec.name), &spec.shape);
                (spec.name, spec.shape, values)
            })
            .collect();
        let file = folder.join("taesdxl.safetensors");
        taesd::write(&file, &tensors);
        file
    }

    fn options(&mut self, case: &Value, precision: Precision) -> Options {
        let parts = (case["tiny"] == true).then(|| (Part::Vae, self.tiny_vae()));
        Options {
            model: Some(self.of(case)),
            parts: parts.into_iter().collect(),
            precision: Some(precision),
            ..Options::default()
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let (path, to) =
            (entry.as_ref().expect("an entry").path(), to.join(entry.expect("an entry").file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

fn change(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON");
    change(&mut value);
    fs::write(file, value.to_string()).expect("written");
}

/// The request of a case.
fn asked(case: &Value, tensors: &SafeTensors<'_>) -> Request {
    let [height, width] = [0, 1].map(|side| case["size"][side].as_u64().expect("a side") as usize);
    let bytes = |name: &str| tensors.tensor(name).expect("a tensor").data().to_vec();
    let picture = Picture::new(width, height, bytes(&format!("picture.{height}")));
    let mask = match &case["mask"] {
        Value::Bool(true) => Some(Arc::new(Mask { width, height, values: bytes("mask") })),
        _ => None,
    };
    let denoising_strength = case["strength"].as_f64().expect("a strength");
    let init = Init { denoising_strength, mask, ..Init::new(Arc::new(picture)) };
    Request { init: Some(init), width: None, height: None, ..request(case) }
}

#[test]
fn pictures_over_pictures_are_diffusers_on_every_backend() {
    let bytes = read("img2img.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let mut models = Models::new();
    let mut wrong = vec![];
    for case in cases("img2img.json", 23) {
        let name = case["name"].as_str().expect("a name");
        for backend in backends() {
            for (precision, most) in [(Precision::F32, MEAN), (Precision::F16, MEAN_F16)] {
                let options = models.options(&case, precision);
                let mut engine = Engine::open_on(backend.clone(), &options).expect(name);
                let picture = engine.draw(&asked(&case, &tensors)).expect(name);
                let mean = apart(&picture, &tensors, name);
                if mean > most {
                    wrong.push(format!("{name} in {precision:?} on {}: {mean}", engine.device()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_tiny_encoder_is_read_under_the_original_names_and_its_lack_is_told() {
    let bytes = read("img2img.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let mut models = Models::new();
    let is_one = |case: &Value| case["tiny"] == true && case["mask"].is_null();
    let case = cases("img2img.json", 23).into_iter().find(is_one).expect("a case");
    let usual = models.options(&case, Precision::F32);
    let vae = fs::read(&usual.parts[&Part::Vae]).expect("a file");
    let vae = SafeTensors::deserialize(&vae).expect("tensors");
    let with = |is_wanted: &dyn Fn(&str) -> bool| {
        let named = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let halves = view.data().as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b));
            (original(&name), view.shape().to_vec(), halves.collect())
        };
        let wanted = vae.tensors().into_iter().filter(|(name, _)| is_wanted(name));
        let all: Vec<Tensor> = wanted.map(named).collect();
        let file = models.folder.path().join(format!("named-{}.safetensors", all.len()));
        taesd::write(&file, &all);
        Options { parts: [(Part::Vae, file)].into(), ..usual.clone() }
    };
    let request = asked(&case, &tensors);
    let draw = |options: &Options| Engine::open(options).expect("a model").draw(&request);
    assert!(draw(&with(&|_| true)).expect("a picture") == draw(&usual).expect("a picture"));
    let decoder = with(&|name| name.starts_with("decoder"));
    let said = draw(&decoder).expect_err("no encoder").to_string();
    assert!(said.contains("has no encoder") && said.contains("give a VAE that has one with --vae"), "{said}");
}

/// What the original code calls a tensor of a tiny VAE, in a file with both halves. The decoder's first layer is a clamp
/// that diffusers does not count.
fn original(name: &str) -> String {
    let (half, rest) = name.split_once(".layers.").expect("a layer");
    let (number, rest) = rest.split_once('.').expect("a number");
    let number: usize = number.parse().expect("a number");
    format!("taesd_{half}.{}.{rest}", number + usize::from(half == "decoder"))
}

#[test]
fn pictures_of_one_request_are_what_each_is_alone() {
    let bytes = read("img2img.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let mut models = Models::new();
    let is_one =
        |case: &Value| case["name"].as_str().is_some_and(|name| name.contains("euler-a-epsilon-nine-0.7"));
    let case = cases("img2img.json", 23).into_iter().find(is_one).expect("a case");
    let mut engine = Engine::open(&models.options(&case, Precision::F32)).expect("a model");
    let request = Request { images: 3, ..asked(&case, &tensors) };
    let mut together = vec![];
    let mut event = |event| {
        if let fulmen_engine::engine::Event::Picture(drawn) = event {
            together.push((drawn.seed, drawn.picture));
        }
    };
    let cancel = fulmen_engine::backend::CancelToken::default();
    let mut watch = fulmen_engine::engine::Watch { event: &mut event, trace: None, previews: 0, cancel };
    engine.generate(&request, &mut watch).expect("pictures");
    assert_eq!(together.len(), 3);
    for (seed, picture) in together {
        let alone = engine.draw(&Request { seed: Some(seed), ..request.clone() }).expect("a picture");
        assert!(alone == picture, "seed {seed}");
    }
}
