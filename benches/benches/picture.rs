//! The demo model from prompt to picture. Opening and compiling are not in the time.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Device, Work, settings};
use fulmen_engine::engine::Precision;
use fulmen_engine::graph::{Element, Shape, Tiling};
use fulmen_engine::text::TextEncoders;
use fulmen_engine::tokens::LENGTH;
use fulmen_engine::unet::{UNet, UNetConfig, UNetInputs};
use fulmen_engine::vae::{VaeConfig, VaeDecoder};
use fulmen_engine::weights::{Checkpoint, Part};
use fulmen_engine::{Engine, Options, Request, Result};

/// The demo model's own.
const SIDE: usize = 128;
const STEPS: usize = 4;

fn request() -> Request {
    let size = Some(SIDE);
    let (steps, seed) = (Some(STEPS), Some(1));
    Request { width: size, height: size, steps, seed, ..Request::new("a red circle on a blue background") }
}

/// An engine that has drawn its first picture: graphs are compiled.
fn open(device: &Device) -> Result<Engine> {
    let precision = if device.element == Element::F16 { Precision::F16 } else { Precision::F32 };
    let options = Options { precision: Some(precision), ..Options::default() };
    let mut engine = Engine::open_on(device.backend.clone(), &options)?;
    engine.draw(&request())?;
    Ok(engine)
}

/// Of the text encoders, of every step and of the VAE.
fn flops() -> Result<u64> {
    let demo = Checkpoint::embedded_demo()?;
    let (unet, vae): (UNetConfig, VaeConfig) = (demo.config(Part::Unet)?, demo.config(Part::Vae)?);
    let (side, channels) = (SIDE / vae.scale(), vae.latent_channels);
    let latents = Shape::image(1, side, side, channels);
    let text = TextEncoders::load(&demo)?.graph(Element::F32)?;
    let unet = UNet::load(&demo.weights(Part::Unet)?, unet)?
        .graph(&UNetInputs::new(latents, LENGTH), Element::F32)?;
    let vae = VaeDecoder::load(&demo.weights(Part::Vae)?, vae)?.graph(
        latents,
        Tiling::default(),
        Element::F32,
        false,
    )?;
    Ok(text.flops() + STEPS as u64 * unet.flops() + vae.flops())
}

fn picture(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "picture");
    let work = Work::Flops(flops().expect("the demo model is whole") as usize);
    let shape = format!("demo {SIDE}x{SIDE} {STEPS} steps");
    bench.time(&Case { shape, work, copies: 1 }, |device, copies| {
        let mut engine = open(device).unwrap_or_else(|error| panic!("{}: {error}", device.name));
        move || {
            for _ in 0..copies {
                engine.draw(&request()).expect("the first picture came too");
            }
        }
    });
}

criterion_group! { name = benches; config = settings(); targets = picture }
criterion_main!(benches);
