//! Parts of pictures drawn anew under nets, as large as the model draws, beyond borders and in two passes, against diffusers'
//! pipelines (tests/fixtures/make_parts.py).

use std::path::Path;
use std::sync::Arc;

use fulmen_engine::edit::Mask;
use fulmen_engine::engine::Precision;
use fulmen_engine::init::Init;
use fulmen_engine::picture::Picture;
use fulmen_engine::request::{Control, Enlarged, SecondPass};
use fulmen_engine::synth::{self, SynthGuide, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Options, Request};
use safetensors::SafeTensors;
use serde_json::Value;

use super::devices::backends;
use super::golden::beside;
use super::img2img::Models;
use super::samplers::{apart, cases, read, request};

/// Of 255; 0.00024 and 0.042 are the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.0007;
const MEAN_F16: f64 = 0.13;

/// A picture, a map or a mask of a case.
fn bytes(tensors: &SafeTensors<'_>, name: &str) -> Vec<u8> {
    tensors.tensor(name).expect(name).data().to_vec()
}

/// The nets of the usual model, in a folder.
fn write_nets(folder: &Path) {
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    for (name, guide) in [("full", SynthGuide::ControlNet), ("small", SynthGuide::ControlNetSmall)] {
        synth::write_guide(&configs, guide, &folder.join(name), SynthLayout::Folder, &|_| Ok(()))
            .expect("a net");
    }
}

fn controls(case: &Value, nets: &Path, map: &Arc<Picture>) -> Vec<Control> {
    let number = |net: &Value, name: &str| net[name].as_f64().expect("a number");
    let one = |net: &Value| Control {
        scale: number(net, "scale") as f32,
        start: number(net, "start"),
        end: number(net, "end"),
        guess: case["guess"] == true,
        ..Control::new(nets.join(net["kind"].as_str().expect("a kind")), map.clone())
    };
    case["nets"].as_array().expect("nets").iter().map(one).collect()
}

/// The request of a case.
fn asked(case: &Value, nets: &Path, tensors: &SafeTensors<'_>) -> Request {
    let number = |value: &Value| value.as_u64().map(|number| number as usize);
    let [height, width] = [0, 1].map(|side| number(&case["size"][side]).expect("a side"));
    let of = |what: &str| Arc::new(Picture::new(width, height, bytes(tensors, &format!("{what}.{height}"))));
    let outpaint = case["outpaint"]
        .as_array()
        .map(|margins| [0, 1, 2, 3].map(|i| number(&margins[i]).expect("a margin")));
    let mask = if case["mask"] == "edge" { "mask.edge".to_owned() } else { format!("mask.{height}") };
    let mask = Mask { width, height, values: bytes(tensors, &mask) };
    let init = Init {
        denoising_strength: case["strength"].as_f64().expect("a strength"),
        mask: outpaint.is_none().then(|| Arc::new(mask)),
        only_masked: number(&case["only_masked"]),
        outpaint,
        ..Init::new(of("picture"))
    };
    let second_pass = case.get("hires").map(|hires| SecondPass {
        ratio: hires["ratio"].as_f64().expect("a ratio"),
        denoising_strength: hires["strength"].as_f64().expect("a strength"),
        of: if hires["of"] == "latents" { Enlarged::Latents } else { Enlarged::Pixels(None) },
    });
    Request {
        init: Some(init),
        controls: controls(case, nets, &of("map")),
        second_pass,
        height: number(&case["drawn"][0]),
        width: number(&case["drawn"][1]),
        ..request(case)
    }
}

#[test]
fn parts_of_pictures_are_diffusers_on_every_backend() {
    let fixture = read("parts.safetensors");
    let tensors = SafeTensors::deserialize(&fixture).expect("tensors");
    let (mut models, nets) = (Models::new(), tempfile::tempdir().expect("a folder"));
    write_nets(nets.path());
    let mut wrong = vec![];
    for case in cases("parts.json", 21) {
        let name = case["name"].as_str().expect("a name");
        let model = models.of(&case);
        for backend in backends() {
            for (precision, most) in [(Precision::F32, MEAN), (Precision::F16, MEAN_F16)] {
                let (model, precision) = (Some(model.clone()), Some(precision));
                let options = Options { model, precision, ..Options::default() };
                let mut engine = Engine::open_on(backend.clone(), &options).expect(name);
                let picture = engine.draw(&asked(&case, nets.path(), &tensors)).expect(name);
                let mean = apart(&picture, &tensors, name);
                if mean > most {
                    wrong.push(format!("{name} in {precision:?} on {}: {mean}", engine.device()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
