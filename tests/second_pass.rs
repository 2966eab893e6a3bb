//! Pictures in two passes against diffusers' pipelines, and what a second pass of pixels is made of.

use std::sync::Arc;

use fulmen_engine::backend::CancelToken;
use fulmen_engine::edit::{Fit, Mask, resampled};
use fulmen_engine::engine::{Drawn, Event, Watch};
use fulmen_engine::init::Init;
use fulmen_engine::request::{Enlarged, SecondPass};
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Error, Options, Request};
use safetensors::SafeTensors;

use super::devices::backends;
use super::golden::beside;
use super::samplers::{apart, cases, read, request};

/// Of 255; 0.00015 is the most that was measured, on the CPU and on lavapipe.
const MEAN: f64 = 0.0005;

fn pass(ratio: f64, denoising_strength: f64) -> SecondPass {
    SecondPass { ratio, denoising_strength, of: Enlarged::Latents }
}

#[test]
fn pictures_in_two_passes_are_diffusers() {
    let bytes = read("second_pass.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    let mut wrong = vec![];
    for case in cases("second_pass.json", 6) {
        let name = case["name"].as_str().expect("a name");
        std::fs::write(model.join("scheduler/scheduler_config.json"), case["config"].to_string())
            .expect("written");
        let [ratio, strength] = ["ratio", "strength"].map(|number| case[number].as_f64().expect("a number"));
        let asked = Request { second_pass: Some(pass(ratio, strength)), ..request(&case) };
        for backend in backends() {
            let options = Options { model: Some(model.clone()), ..Options::default() };
            let mut engine = Engine::open_on(backend, &options).expect(name);
            let mean = apart(&engine.draw(&asked).expect(name), &tensors, name);
            if mean > MEAN {
                wrong.push(format!("{name} on {}: {mean}", engine.device()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn demo() -> Engine {
    Engine::open(&Options { device: "cpu".parse().expect("a device"), ..Options::default() })
        .expect("the demo model")
}

fn small() -> Request {
    Request {
        width: Some(64),
        height: Some(48),
        seed: Some(3),
        steps: Some(4),
        ..Request::new("a red circle")
    }
}

#[test]
fn a_second_pass_of_pixels_is_a_picture_drawn_over_the_enlarged_first() {
    let mut engine = demo();
    let first = engine.draw(&small()).expect("a picture");
    let init =
        Init { denoising_strength: 0.5, fit: Fit::Stretch, ..Init::new(Arc::new(resampled(&first, 96, 72))) };
    let over = Request { width: Some(96), height: Some(72), init: Some(init), ..small() };
    let expected = engine.draw(&over).expect("a picture");
    let second_pass = SecondPass { of: Enlarged::Pixels(None), ..pass(1.5, 0.5) };
    let made = engine.draw(&Request { second_pass: Some(second_pass), ..small() }).expect("a picture");
    assert_eq!((made.width, made.height), (96, 72));
    assert!(made == expected, "the two differ");
}

#[test]
fn a_second_pass_over_a_part_leaves_the_enlarged_picture_around_it() {
    let mut engine = demo();
    let picture =
        Arc::new(engine.draw(&Request { width: Some(96), height: Some(64), ..small() }).expect("a picture"));
    let inside = |x: usize, y: usize| (24..56).contains(&x) && (16..48).contains(&y);
    let white = (0..96 * 64).map(|i| if inside(i % 96, i / 96) { 255 } else { 0 }).collect();
    let mask = Some(Arc::new(Mask { width: 96, height: 64, values: white }));
    let kept = resampled(&picture, 144, 96);
    for of in [Enlarged::Latents, Enlarged::Pixels(None)] {
        for (only_masked, outpaint) in [(None, None), (Some(8), None), (None, Some([16, 0, 0, 0]))] {
            let init = Init {
                mask: mask.clone().filter(|_| outpaint.is_none()),
                only_masked,
                outpaint,
                denoising_strength: 1.0,
                ..Init::new(picture.clone())
            };
            let size = |side| only_masked.map(|_| side);
            let (width, height) = (size(64), size(64));
            let second_pass = Some(SecondPass { of: of.clone(), ..pass(1.5, 0.5) });
            let asked = Request {
                init: Some(init),
                second_pass,
                width,
                height,
                prompt: "a blue star".into(),
                ..small()
            };
            let made = engine.draw(&asked).expect("a picture");
            let before = if outpaint.is_some() { 24 } else { 0 };
            assert_eq!((made.width, made.height), (144 + before, 96), "{of:?}");
            // Beyond the reach of Lanczos' window and of the overlap.
            let is_kept = |x: usize, y: usize| match outpaint {
                Some(_) => x > 24 + 30,
                None => !((30..90).contains(&x) && (18..78).contains(&y)),
            };
            let (mut outside, mut changed) = (0, 0);
            for (i, rgb) in made.rgb.chunks_exact(3).enumerate() {
                let (x, y) = (i % made.width, i / made.width);
                // The window's weights are rounded, and the extended picture has others by a hair.
                let most = u8::from(outpaint.is_some());
                let is_near =
                    |at: usize| rgb.iter().zip(&kept.rgb[at * 3..]).all(|(a, b)| a.abs_diff(*b) <= most);
                let same = x >= before && is_near(y * 144 + x - before);
                outside += usize::from(is_kept(x, y) && !same);
                changed += usize::from(!is_kept(x, y) && !same);
            }
            assert_eq!(outside, 0, "{of:?} {only_masked:?} {outpaint:?}");
            assert!(changed > 500, "{changed} pixels are drawn anew: {of:?} {only_masked:?} {outpaint:?}");
        }
    }
}

#[test]
fn several_pictures_have_their_steps_previews_and_records_of_both_passes() {
    let request = Request { images: 2, second_pass: Some(pass(2.0, 0.5)), ..small() };
    let (mut steps, mut previews, mut drawn): (Vec<_>, usize, Vec<Drawn>) = (vec![], 0, vec![]);
    let mut event = |event| match event {
        Event::Step { image, step, steps: of, .. } => steps.push((image, step, of)),
        Event::Preview { .. } => previews += 1,
        Event::Picture(picture) => drawn.push(*picture),
        _ => {}
    };
    let cancel = CancelToken::default();
    let mut engine = demo();
    engine
        .generate(&request, &mut Watch { event: &mut event, trace: None, previews: 5, cancel })
        .expect("pictures");
    let of = |image: usize| {
        steps.iter().filter(|step| step.0 == image).map(|step| (step.1, step.2)).collect::<Vec<_>>()
    };
    let both: Vec<_> = (1..=6).map(|step| (step, 6)).collect();
    assert_eq!((of(0), of(1), previews), (both.clone(), both, 10));
    for (number, drawn) in drawn.iter().enumerate() {
        let alone = Request { seed: Some(3 + number as u64), images: 1, ..request.clone() };
        assert!(engine.draw(&alone).expect("a picture") == drawn.picture, "picture {number}");
        assert_eq!((drawn.picture.width, drawn.picture.height), (128, 96));
        let record = drawn.parameters.to_string();
        let hires = "Denoising strength: 0.5, Hires upscale: 2, Hires steps: 4, Hires upscaler: Latent";
        assert!(record.contains(hires) && record.contains("Size: 64x48"), "{record}");
    }
}

#[test]
fn a_second_pass_is_stopped_and_takes_the_memory_of_the_larger_picture() {
    let mut engine = demo();
    let mut memory = |request: &Request| {
        let (mut need, cancel) = (0, CancelToken::default());
        let stop = cancel.clone();
        let mut event = |event| match event {
            // Weights that are kept already are not taken again.
            Event::Memory(memory) => need = memory.total() - memory.weights,
            Event::Step { step: 5, .. } => stop.cancel(),
            _ => {}
        };
        let ended =
            engine.generate(request, &mut Watch { event: &mut event, trace: None, previews: 0, cancel });
        (need, ended)
    };
    let (alone, _) = memory(&Request { width: Some(128), height: Some(96), ..small() });
    let (both, ended) = memory(&Request { second_pass: Some(pass(2.0, 0.5)), ..small() });
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert!(both >= alone, "{both} bytes for two passes, {alone} for the second alone");
}

#[test]
fn second_passes_that_are_not_possible_are_refused() {
    let engine = demo();
    let refusal = |second_pass| {
        let request = Request { second_pass: Some(second_pass), ..small() };
        engine.plan(&request).map(drop).expect_err("a refusal").to_string()
    };
    assert_eq!(refusal(pass(0.5, 0.5)), "--hires 0.5 is not possible; use 1 to 8");
    assert!(refusal(pass(f64::NAN, 0.5)).starts_with("--hires NaN"));
    assert_eq!(refusal(pass(2.0, 1.5)), "--hires-strength 1.5 is not possible; use 0 to 1");
    assert_eq!(refusal(pass(2.0, 0.1)), "--hires-strength 0.1 leaves none of 4 steps; use more of either");
}
