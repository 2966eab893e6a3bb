//! What the drawing loop promises: batches change no picture, and a size is drawn without packing the weights again.

use std::sync::Arc;

use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::{Event, Watch};
use fulmen_engine::gpu::GpuOptions;
use fulmen_engine::{Engine, Options, Request};

use super::devices::{backends, open_gpu};

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
