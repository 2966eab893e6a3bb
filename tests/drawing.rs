//! What the drawing loop promises: batches change no picture, and a size is drawn without packing the weights again.

use std::sync::Arc;

use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::{Event, Watch};
use fulmen_engine::gpu::GpuOptions;
use fulmen_engine::request::{Enlarged, SecondPass};
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::{Configs, LoraFile};
use fulmen_engine::{Engine, Options, Request};

use super::devices::{backends, open_gpu};
use super::golden::beside;

/// The demo model's own size has the pixels of four of these.
const SIDE: usize = 64;

fn request(seed: u64, images: usize) -> Request {
    let side = Some(SIDE);
    Request { seed: Some(seed), images, width: side, height: side, ..Request::new("a red circle") }
}

/// The pixels of every picture, in order.
fn drawn(engine: &mut Engine, request: &Request) -> Vec<Vec<u8>> {
    let mut pictures = vec![];
    let mut event = |event| {
        if let Event::Picture(drawn) = event {
            pictures.push(drawn.picture.rgb);
        }
    };
    let cancel = CancelToken::default();
    engine
        .generate(request, &mut Watch { event: &mut event, trace: None, previews: 2, cancel })
        .expect("pictures");
    pictures
}

#[test]
fn a_picture_is_the_same_alone_and_in_a_batch() {
    for backend in backends() {
        let mut engine = Engine::open_on(backend, &Options::default()).expect("the demo model");
        let guided = |request: Request| Request {
            guidance: Some(fulmen_engine::request::Guidance::Exactly(3.0)),
            negative_prompt: Some("blue".into()),
            ..request
        };
        for change in [|request| request, guided] {
            // Four side by side, then two.
            let together = drawn(&mut engine, &change(request(7, 6)));
            assert_eq!(together.len(), 6);
            for (seed, picture) in (7..).zip(together) {
                let alone = drawn(&mut engine, &change(request(seed, 1)));
                assert!(alone == [picture], "seed {seed} on {}", engine.device());
            }
        }
    }
}

/// The UNet goes before the last picture is decoded, and comes again where an engine is asked for more.
#[test]
fn an_engine_for_a_single_request_draws_the_same_pictures() {
    let pass = SecondPass { ratio: 1.5, denoising_strength: 0.6, of: Enlarged::Latents };
    let twice = Request { second_pass: Some(pass), ..request(3, 2) };
    let on_cpu = |once| {
        let options = Options { once, device: "cpu".parse().expect("a device"), ..Options::default() };
        Engine::open(&options).expect("the demo model")
    };
    let foreseen = |once, request: &Request| on_cpu(once).foresee(request).expect("it fits").0.total();
    // Of several batches, and of second passes over several pictures, some are decoded before the UNet's last call.
    for (request, takes_less) in
        [(request(1, 1), true), (request(1, 2), true), (request(1, 6), false), (twice.clone(), false)]
    {
        let [once, often] = [true, false].map(|once| foreseen(once, &request));
        assert!(once <= often && (once < often) == takes_less, "{once} and {often} bytes for {request:?}");
    }
    // Weights stay where the UNet is called often enough.
    let weights = |steps, images| {
        let request = Request { steps: Some(steps), ..request(1, images) };
        on_cpu(true).foresee(&request).expect("it fits").0.weights
    };
    assert_eq!((weights(2, 1), weights(1, 2)), (0, 0));
    assert!(weights(3, 1) > 0 && weights(2, 6) > 0);
    let (mut once, mut often) = (on_cpu(true), on_cpu(false));
    for request in [request(7, 6), twice, request(1, 1)] {
        assert!(drawn(&mut once, &request) == drawn(&mut often, &request), "{} pictures", request.images);
    }
}

#[test]
fn other_sizes_and_batches_pack_no_weight_again() {
    let gpu = Arc::new(open_gpu(GpuOptions::default()));
    let mut engine = Engine::open_on(gpu.clone(), &Options::default()).expect("the demo model");
    drawn(&mut engine, &request(1, 1));
    let made = gpu.weights_made();
    assert!(made > 100, "{made} weights of the demo model");
    for (width, images) in [(96, 1), (64, 3), (128, 1), (64, 1)] {
        drawn(&mut engine, &Request { width: Some(width), ..request(1, images) });
        assert_eq!(gpu.weights_made(), made, "after {images} of {width}×{SIDE}");
    }
}

/// A tag in the prompt is the flag for one request: the picture is that of the flag, and the next one is the model's own.
#[test]
fn a_prompts_lora_changes_its_picture_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    let loras = beside("fixtures/loras");
    let options = Options { model: Some(model), lora_folder: Some(loras.clone()), ..Options::default() };
    for backend in backends() {
        let mut engine = Engine::open_on(backend.clone(), &options).expect("the model");
        let mut of = |prompt: &str| drawn(&mut engine, &Request { prompt: prompt.into(), ..request(3, 1) });
        let own = of("a fox");
        let tagged = of("a fox <lora:peft:0.5> <lora:absent>");
        assert!(tagged != own, "the LoRA changes nothing");
        assert!(of("a fox") == own, "the LoRA stays");
        assert!(of("a fox<lora:PEFT:0.5>") == tagged, "the same LoRA under the name in capitals");
        let flag = LoraFile::new(loras.join("peft.safetensors"), 0.5);
        let options = Options { loras: vec![flag], ..options.clone() };
        let mut engine = Engine::open_on(backend, &options).expect("the model");
        let flagged = drawn(&mut engine, &Request { prompt: "a fox".into(), ..request(3, 1) });
        assert!(flagged == tagged, "the flag draws another picture than the tag");
    }
}

/// What a device has of a model is kept under a LoRA but for what it changes.
#[test]
fn a_prompts_lora_packs_only_what_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    let configs = Configs::folder(&beside("fixtures/goldens/sdxl_like")).expect("configurations");
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    let lora_folder = Some(beside("fixtures/loras"));
    let gpu = Arc::new(open_gpu(GpuOptions::default()));
    let options = Options { model: Some(model), lora_folder, ..Options::default() };
    let mut engine = Engine::open_on(gpu.clone(), &options).expect("the model");
    drawn(&mut engine, &request(1, 1));
    let own = gpu.weights_made();
    drawn(&mut engine, &Request { prompt: "<lora:diffusers>".into(), ..request(1, 1) });
    let changed = gpu.weights_made() - own;
    assert!(changed > 0 && changed < own / 2, "{changed} of {own} weights were packed again");
}
