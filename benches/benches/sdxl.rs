//! SDXL with made-up weights: one call of the UNet, one decode of the VAE, and a picture in four steps. Sizes are what a
//! device can bear: 1024×1024 on a GPU, less on a processor, least where one plays GPU.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Device, Work, settings};
use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::{Precision, Stage};
use fulmen_engine::graph::Element;
use fulmen_engine::request::Guidance;
use fulmen_engine::schedule::TimestepSpacing;
use fulmen_engine::weights::Configs;
use fulmen_engine::{Engine, Request};

const STEPS: usize = 4;

/// A size of pictures.
#[derive(Clone, Copy, PartialEq)]
struct Size {
    /// Pixels of a side.
    side: usize,
    /// Billions of multiplications and additions of the text encoders, the UNet's calls after the first, and the VAE's
    /// decoder.
    gflops: [usize; 3],
}

const ON_GPU: Size = Size { side: 1024, gflops: [110, 6708, 10470] };
const ON_CPU: Size = Size { side: 512, gflops: [110, 1536, 2514] };
const ON_SOFTWARE: Size = Size { side: 128, gflops: [110, 93, 155] };
/// What the first call makes besides, once a picture: keys and values of the text.
const KEYS_AND_VALUES: usize = 53;

impl Size {
    /// What a device can bear.
    fn of(device: &Device) -> Self {
        match (device.on_cpu, device.element) {
            (false, _) => ON_GPU,
            (true, Element::F32) => ON_CPU,
            (true, _) => ON_SOFTWARE,
        }
    }

    fn request(self) -> Request {
        let (side, guidance) = (Some(self.side), Some(Guidance::Exactly(0.0)));
        Request {
            width: side,
            height: side,
            steps: Some(STEPS),
            guidance,
            spacing: Some(TimestepSpacing::Trailing),
            seed: Some(1),
            ..Request::new("a red circle")
        }
    }

    /// An engine of a device, once it is sure that the table above counts as graphs do.
    fn open(self, device: &Device) -> Engine {
        let precision = if device.element == Element::F16 { Precision::F16 } else { Precision::F32 };
        let configs = Configs::sdxl_base().expect("it is part of the engine");
        let mut engine = Engine::synthetic(device.backend.clone(), &configs, precision)
            .unwrap_or_else(|error| panic!("{}: {error}", device.name));
        for (stage, gflops) in Stage::ALL.into_iter().zip(self.gflops) {
            let run = engine.stage(stage, &self.request()).expect("SDXL's shapes");
            let counted = run.flops() as f64 / 1e9;
            assert!((counted / gflops as f64 - 1.0).abs() < 0.01, "{stage:?}: {counted}, not {gflops} GFLOP");
        }
        engine
    }
}

/// Every size that a device is there for.
fn each_size(bench: &mut Bench<'_>, mut time: impl FnMut(&mut Bench<'_>, Size)) {
    for size in [ON_GPU, ON_CPU, ON_SOFTWARE] {
        if bench.has(|device| Size::of(device) == size) {
            time(bench, size);
        }
    }
}

fn stage(criterion: &mut Criterion, name: &str, stage: Stage) {
    each_size(&mut Bench::new(criterion, name), |bench, size| {
        let shape = format!("SDXL at {0}x{0}", size.side);
        let work = Work::Flops(1_000_000_000 * size.gflops[stage as usize]);
        let is_meant = |device: &Device| Size::of(device) == size;
        bench.time_on(&Case { shape, work, copies: 1 }, is_meant, |device, _| {
            let (mut engine, never) = (size.open(device), CancelToken::default());
            move || {
                let run = engine.stage(stage, &size.request()).and_then(|mut run| run.run(&never));
                run.expect("made-up values run");
            }
        });
    });
}

fn unet(criterion: &mut Criterion) {
    stage(criterion, "unet", Stage::Unet);
}

fn vae(criterion: &mut Criterion) {
    stage(criterion, "vae", Stage::Vae);
}

fn picture(criterion: &mut Criterion) {
    each_size(&mut Bench::new(criterion, "picture"), |bench, size| {
        let [text, unet, vae] = size.gflops;
        let work = Work::Flops(1_000_000_000 * (text + KEYS_AND_VALUES + STEPS * unet + vae));
        let shape = format!("SDXL at {0}x{0}, {STEPS} steps", size.side);
        let is_meant = |device: &Device| Size::of(device) == size;
        bench.time_on(&Case { shape, work, copies: 1 }, is_meant, |device, _| {
            let mut engine = size.open(device);
            move || drop(engine.draw(&size.request()).expect("a picture"))
        });
    });
}

criterion_group! { name = benches; config = settings(); targets = unet, vae, picture }
criterion_main!(benches);
