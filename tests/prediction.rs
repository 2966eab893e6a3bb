//! Memory as it is predicted, against memory as it is taken: every byte that this process asks its allocator for is counted.
#![cfg(test)]

mod counted;
mod taesd;

use fulmen_engine::backend::{CancelToken, MemoryNeed};
use fulmen_engine::engine::{Event, Watch};
use fulmen_engine::picture::{Format, Parameters, Picture, encoding};
use fulmen_engine::prompt::{Prompt, PromptSyntax};
use fulmen_engine::weights::Part;
use fulmen_engine::{Engine, Options, Request};

use counted::peak_of;

/// What no prediction counts: threads that start, text, rows of tables.
const SLACK: usize = 4 << 20;

fn noise(side: usize) -> Picture {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    Picture::new(side, side, (0..side * side * 3).map(|_| byte()).collect())
}

/// Draws with a preview, and says what was predicted.
fn draw(engine: &mut Engine, side: usize, images: usize) -> (MemoryNeed, Parameters) {
    let (mut predicted, mut last) = (MemoryNeed::default(), None);
    let mut event = |event| match event {
        Event::Memory(need) => predicted = need,
        // As a caller does who saves each picture.
        Event::Picture(drawn) => {
            drop(drawn.picture.encode(Format::Png, Some(&drawn.parameters)).unwrap());
            last = Some(drawn.parameters);
        }
        _ => {}
    };
    let (width, height) = (Some(side), Some(side));
    let request =
        Request { width, height, images, steps: Some(2), seed: Some(1), ..Request::new("a red circle") };
    let cancel = CancelToken::default();
    engine.generate(&request, &mut Watch { event: &mut event, trace: None, previews: 1, cancel }).unwrap();
    (predicted, last.unwrap())
}

/// A prompt of a megabyte takes a few of them, whatever it repeats.
fn prompts_take_a_few_times_their_size() {
    for piece in [
        "a ",
        "a(",
        "[a(b",
        "(a:9)",
        "BREAK ",
        "<lora:a>",
        "<lora:a:x>",
        "\\(",
        "\u{ff08}1:2\u{ff09}",
        "{a|b}",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        let (peak, _) = peak_of(|| Prompt::read(&text, PromptSyntax::A1111));
        println!("{piece}: {} KiB for {} KiB of prompt", peak >> 10, text.len() >> 10);
        assert!(peak <= 4 * text.len(), "{piece}: {peak} bytes for {}", text.len());
    }
}

/// One test, because others at the same time would count.
#[test]
fn nothing_takes_more_memory_than_is_predicted_and_little_is_predicted_in_vain() {
    let options = Options { device: "cpu".parse().unwrap(), ..Options::default() };
    let (_, parameters) = draw(&mut Engine::open(&options).unwrap(), 64, 1);
    prompts_take_a_few_times_their_size();

    for (side, alpha) in [(256, false), (1000, false), (256, true), (1000, true)] {
        encoding_takes_what_is_predicted(side, alpha, &parameters);
    }
    for (side, images) in [(128, 1), (128, 6), (384, 1), (384, 3), (768, 1)] {
        drawing_takes_what_is_predicted(&options, side, images);
    }
    let once = Options { once: true, ..options.clone() };
    for (side, images) in [(384, 3), (768, 1)] {
        drawing_takes_what_is_predicted(&once, side, images);
    }
    let folder = tempfile::tempdir().unwrap();
    let vae = folder.path().join("taesdxl.safetensors");
    taesd::write(&vae, &taesd::seeded());
    for options in [
        Options { preview_vae: Some(vae.clone()), ..options.clone() },
        Options { parts: [(Part::Vae, vae)].into(), ..options.clone() },
    ] {
        for side in [384, 768] {
            drawing_takes_what_is_predicted(&options, side, 1);
        }
    }
}

fn encoding_takes_what_is_predicted(side: usize, alpha: bool, parameters: &Parameters) {
    let mut picture = noise(side);
    picture.alpha = alpha.then(|| picture.rgb[side..][..side * side].to_vec());
    let (predicted, mut most) = (encoding(side, side, alpha) as usize, 0);
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        let (peak, file) = peak_of(|| picture.encode(format, Some(parameters)).unwrap());
        println!(
            "{format:?} of {side}², alpha {alpha}: {:.1} bytes a pixel",
            peak as f64 / (side * side) as f64
        );
        assert!(peak <= predicted + SLACK / 16, "{format:?} of {side}²: {peak} bytes, {predicted} predicted");
        assert!(file.capacity() < file.len() + 64, "{} bytes kept for {}", file.capacity(), file.len());
        most = most.max(peak);
    }
    assert!(
        most * 10 > predicted * 7,
        "{predicted} bytes are predicted, and {most} is the most that was taken"
    );
}

/// By an engine that has drawn nothing yet: what one keeps for its next picture is not taken again.
fn drawing_takes_what_is_predicted(options: &Options, side: usize, images: usize) {
    let mut engine = Engine::open(options).unwrap();
    let (peak, (need, _)) = peak_of(|| draw(&mut engine, side, images));
    // Weights that stay have memory that no allocator gives.
    let predicted = (need.total() - need.weights) as usize;
    println!("{images} of {side}²: {} KiB at the peak, {} predicted: {need:?}", peak >> 10, predicted >> 10);
    assert!(peak <= predicted + SLACK, "{images} of {side}²: {peak} bytes, {predicted} predicted");
    // In large pictures values outweigh everything else.
    let least = if side < 512 { predicted / 2 } else { predicted / 10 * 9 };
    assert!(peak >= least, "{images} of {side}²: {peak} bytes, {predicted} predicted");
}
