//! Weights in eight bits: the picture stays what it is, and both backends draw the same.

use std::sync::Arc;

use fulmen_engine::backend::Backend;
use fulmen_engine::engine::{Precision, WeightFormat};
use fulmen_engine::picture::Picture;
use fulmen_engine::{Engine, Options, Request};

use super::devices::backends;

/// dB: three times the noise that was measured on both backends (48.6), and less than an eye sees.
const LEAST: f64 = 39.0;

/// dB between two backends that compute with the same weights, in f32 (95 measured).
const ALIKE: f64 = 80.0;

fn draw(backend: Arc<dyn Backend>, weights: WeightFormat, precision: Precision) -> Picture {
    let options = Options { weights, precision: Some(precision), ..Options::default() };
    let mut engine = Engine::open_on(backend, &options).expect("the demo model opens");
    engine.draw(&Request { seed: Some(7), ..Request::new("a red circle") }).expect("it draws")
}

/// Peak signal to noise, of channels that are bytes.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    let squares = a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    let mean = squares.sum::<f64>() / a.rgb.len() as f64;
    10.0 * (255.0 * 255.0 / mean).log10()
}

#[test]
fn weights_in_eight_bits_draw_nearly_the_same_picture() {
    let drawn: Vec<[Picture; 2]> = backends()
        .into_iter()
        .map(|backend| {
            let of = |weights, precision| draw(backend.clone(), weights, precision);
            let near = psnr(&of(WeightFormat::Own, Precision::F16), &of(WeightFormat::Q8, Precision::F16));
            println!("{}: {near:.1} dB", backend.name());
            assert!(near >= LEAST, "{}: {near:.1} dB from the picture of 16 bits", backend.name());
            [WeightFormat::Own, WeightFormat::Q8].map(|weights| of(weights, Precision::F32))
        })
        .collect();
    let [[own, first], [_, second]] = &drawn[..] else { panic!("two backends") };
    let alike = psnr(first, second);
    println!("CPU and GPU: {alike:.1} dB");
    assert!(alike >= ALIKE, "CPU and GPU are {alike:.1} dB apart in eight bits");
    assert!(own.rgb != first.rgb, "eight bits changed nothing");
}
