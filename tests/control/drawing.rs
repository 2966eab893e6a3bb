//! What nets cost, what they are beside each other and side by side, and which of them are refused.

use std::path::Path;
use std::sync::Arc;

use fulmen_engine::backend::CancelToken;
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::engine::{Event, Order, TraceRow, Watch};
use fulmen_engine::picture::Picture;
use fulmen_engine::request::{Control, ControlMode, Guidance};
use fulmen_engine::synth::{self, SynthGuide, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Options, Request};

use super::super::devices::backends;
use super::super::golden::beside;
use super::Models;

const SIDE: usize = 64;
const STEPS: usize = 4;

/// A picture of stripes.
fn stripes(width: usize) -> Arc<Picture> {
    let pixel = |i: usize| if (i % SIDE / width).is_multiple_of(2) { [255; 3] } else { [0, 40, 80] };
    Arc::new(Picture::new(SIDE, SIDE, (0..SIDE * SIDE).flat_map(pixel).collect()))
}

fn asked(seed: u64, controls: Vec<Control>) -> Request {
    let (side, seed) = (Some(SIDE), Some(seed));
    Request { width: side, height: side, seed, steps: Some(STEPS), controls, ..Request::new("a red fox") }
}

fn engine(model: &Path) -> Engine {
    let options = Options { model: Some(model.to_path_buf()), ..Options::default() };
    Engine::open_on(Arc::new(CpuBackend::new()), &options).expect("a model")
}

fn drawn(engine: &mut Engine, request: &Request) -> Vec<u8> {
    engine.draw(request).expect("a picture").rgb
}

/// For each step how many values were made in nets, and what other programs there were.
fn traced(engine: &mut Engine, request: &Request) -> (Vec<usize>, Vec<String>) {
    let (mut steps, mut others) = (vec![0; STEPS], vec![]);
    let mut row = |row: &TraceRow| {
        match row.program.strip_prefix("unet step ") {
            Some(step) => {
                let step: usize = step.parse().expect("a number");
                steps[step - 1] += usize::from(row.node.contains("controlnet."));
            }
            None if !others.contains(&row.program) => others.push(row.program.clone()),
            None => {}
        }
        Ok(())
    };
    let cancel = CancelToken::default();
    let mut watch = Watch { event: &mut drop, trace: Some(&mut row), previews: 0, cancel };
    engine.generate(request, &mut watch).expect("a picture");
    (steps, others)
}

#[test]
fn steps_that_nothing_guides_are_the_unet_alone() {
    let models = Models::make();
    let model = models.0.path().join("sdxl_like");
    let mut engine = engine(&model);
    let net = |word: &str, start, end| Control { start, end, ..Control::new(model.join(word), stripes(8)) };
    let (steps, programs) = traced(&mut engine, &asked(1, vec![net("controlnet", 0.25, 0.75)]));
    assert!(steps[0] == 0 && steps[3] == 0 && steps[1] > 100 && steps[1] == steps[2], "{steps:?}");
    assert_eq!(programs, ["text", "control hint", "vae"]);
    let two = vec![net("controlnet", 0.0, 0.5), net("controlnet-small", 0.25, 1.0)];
    let (both, _) = traced(&mut engine, &asked(1, two));
    assert!(both[0] == steps[1] && both[1] == both[0] + both[2] && both[2] == both[3], "{both:?}");
    let silent = Control { scale: 0.0, ..net("controlnet", 0.0, 1.0) };
    let (none, programs) = traced(&mut engine, &asked(1, vec![silent.clone()]));
    assert_eq!((none, programs), (vec![0; STEPS], vec!["text".to_owned(), "vae".to_owned()]));
    let plain = drawn(&mut engine, &asked(1, vec![]));
    assert!(drawn(&mut engine, &asked(1, vec![silent])) == plain, "a scale of 0 is no net");
    assert!(drawn(&mut engine, &asked(1, vec![net("controlnet", 0.0, 1.0)])) != plain, "a net guides");
}

#[test]
fn guided_pictures_side_by_side_are_what_they_are_alone() {
    let models = Models::make();
    let model = models.0.path().join("sdxl_like");
    let nets = ["controlnet", "controlnet-union", "t2i-adapter"];
    let one = |seed: u64, scale: f32, start: f64, end: f64| {
        let control = |word: &&str| Control {
            scale,
            start,
            end,
            guess: seed == 2,
            mode: (*word == "controlnet-union").then_some(ControlMode::Depth),
            ..Control::new(model.join(word), stripes(2 + 3 * seed as usize))
        };
        let controls = nets.iter().map(control).collect();
        Request { guidance: Some(Guidance::Exactly(3.0)), ..asked(seed, controls) }
    };
    // A model of larger pictures draws several of these side by side.
    let config = model.join("unet/config.json");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let larger = text.replace("\"sample_size\": 8", "\"sample_size\": 32");
    assert_ne!(text, larger);
    std::fs::write(&config, larger).expect("written");
    let requests = [one(1, 0.7, 0.0, 1.0), one(2, 1.0, 0.5, 1.0), one(3, 0.4, 0.0, 0.5)];
    for backend in backends() {
        let options = Options { model: Some(model.clone()), ..Options::default() };
        let mut engine = Engine::open_on(backend, &options).expect("a model");
        let alone: Vec<Vec<u8>> = requests.iter().map(|request| drawn(&mut engine, request)).collect();
        let mut pictures = vec![vec![]; requests.len()];
        let mut events: Vec<_> = pictures
            .iter_mut()
            .map(|place| {
                move |event| {
                    if let Event::Picture(picture) = event {
                        *place = picture.picture.rgb;
                    }
                }
            })
            .collect();
        let orders = requests.iter().zip(&mut events).map(|(request, event)| {
            let cancel = CancelToken::default();
            Order { request, watch: Watch { event, trace: None, previews: 0, cancel } }
        });
        let mut orders: Vec<_> = orders.collect();
        engine.generate_together(&mut orders, &mut |_, end| end.expect("a picture"));
        drop(orders);
        drop(events);
        assert!(pictures == alone, "on {}", engine.device());
    }
}

#[test]
fn nets_of_either_naming_guide_to_the_same_picture() {
    let models = Models::make();
    let model = models.0.path().join("sdxl_like");
    let configs = Configs::folder(&model).expect("configurations");
    let mut engine = engine(&model);
    for (word, guide) in SynthGuide::WORDS {
        let mut picture = |layout: SynthLayout, name: String| {
            let file = model.join(name);
            synth::write_guide(&configs, *guide, &file, layout, &|_| Ok(())).expect("a net");
            let mode = (*guide == SynthGuide::ControlNetUnion).then_some(ControlMode::Canny);
            let control = Control { mode, ..Control::new(file, stripes(5)) };
            drawn(&mut engine, &asked(4, vec![control]))
        };
        let folder = picture(SynthLayout::Folder, format!("{word}-folder"));
        let file = picture(SynthLayout::SingleFile, format!("{word}.safetensors"));
        assert!(folder == file, "{word}");
    }
    // A variant's name, and the file itself.
    let weights = model.join("controlnet/diffusion_pytorch_model.safetensors");
    let whole = drawn(&mut engine, &asked(4, vec![Control::new(model.join("controlnet"), stripes(5))]));
    let file = drawn(&mut engine, &asked(4, vec![Control::new(&weights, stripes(5))]));
    let variant = model.join("controlnet/diffusion_pytorch_model.fp16.safetensors");
    std::fs::rename(&weights, &variant).expect("renamed");
    std::fs::rename(model.join("controlnet"), model.join("variant")).expect("renamed");
    let variant = drawn(&mut engine, &asked(4, vec![Control::new(model.join("variant"), stripes(5))]));
    assert!(whole == file && whole == variant);
}

#[test]
fn nets_that_do_not_fit_are_told_with_their_model_before_anything_is_drawn() {
    let models = Models::make();
    let [model, other] = ["sdxl_like", "odd_sizes"].map(|model| models.0.path().join(model));
    let mut engine = engine(&model);
    let mut refusal = |control: Control| {
        let request = asked(1, vec![control]);
        let mut told = vec![];
        let mut note = |event: Event| told.push(event);
        let cancel = CancelToken::default();
        let mut watch = Watch { event: &mut note, trace: None, previews: 0, cancel };
        let error = engine.generate(&request, &mut watch).expect_err("no picture").to_string();
        assert!(told.is_empty(), "{told:?}");
        error
    };
    let misfit = refusal(Control::new(other.join("controlnet"), stripes(5)));
    assert!(misfit.contains("odd_sizes/controlnet") && misfit.contains("sdxl_like: it has"), "{misfit}");
    let adapter = refusal(Control::new(other.join("t2i-adapter"), stripes(5)));
    assert!(adapter.contains("sdxl_like: it makes features of [20, 36, 60, 60] channels"), "{adapter}");
    let model_itself = refusal(Control::new(&model, stripes(5)));
    assert!(model_itself.contains("sdxl_like"), "{model_itself}");
    let unet = refusal(Control::new(model.join("unet"), stripes(5)));
    assert!(unet.contains("not a ControlNet or T2I-Adapter"), "{unet}");
    let untold = refusal(Control::new(model.join("controlnet-union"), stripes(5)));
    assert!(untold.contains("several kinds of pictures, so it must be told which"), "{untold}");
    let mode = Some(ControlMode::Tile);
    let beyond = refusal(Control { mode, ..Control::new(model.join("controlnet-union"), stripes(5)) });
    assert!(beyond.contains("reads 6 kinds of pictures, and `tile` is none of them"), "{beyond}");
    assert!(beside("fixtures/init.json").is_file());
    let no_net = refusal(Control::new(beside("fixtures/init.safetensors"), stripes(5)));
    assert!(no_net.contains("is not a ControlNet or T2I-Adapter for SDXL"), "{no_net}");
    let odd = refusal(Control { start: 0.5, end: 0.5, ..Control::new("x", stripes(5)) });
    assert!(odd.contains("--control-start 0.5 is not before the end, 0.5"), "{odd}");
}
