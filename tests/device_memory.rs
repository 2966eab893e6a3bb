//! A device's memory as it is predicted, against what was allocated; and pictures that are the same however weights are
//! held.

use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken, Holding};
use fulmen_engine::engine::{Event, Fit, MemoryOptions, Precision, VaeStrips, Watch};
use fulmen_engine::gpu::{GpuBackend, GpuOptions};
use fulmen_engine::picture::Picture;
use fulmen_engine::{Engine, Options, Request};

use super::devices::open_gpu;

/// Bytes of weights that are streamed at once: so few that all networks of the demo model are cut.
const SEGMENT: u64 = 256 << 10;

/// Draws on a device that has drawn nothing yet: the picture, and how it was to fit.
fn draw(gpu: &Arc<GpuBackend>, options: &Options, side: usize) -> (Picture, Fit) {
    let mut engine = Engine::open_on(gpu.clone(), options).expect("the demo model opens");
    let (mut picture, mut fit) = (None, None);
    let mut event = |event| match event {
        Event::Fit(told) => fit = Some(told),
        Event::Picture(drawn) => picture = Some(drawn.picture),
        _ => {}
    };
    let (width, height) = (Some(side), Some(side));
    let request = Request { width, height, steps: Some(2), seed: Some(3), ..Request::new("a red circle") };
    let cancel = CancelToken::default();
    let mut watch = Watch { event: &mut event, trace: None, previews: 1, cancel };
    engine.generate(&request, &mut watch).expect("it draws");
    (picture.expect("a picture"), fit.expect("how it fits"))
}

fn options(precision: Precision, memory: MemoryOptions, vae_strips: VaeStrips) -> Options {
    Options { precision: Some(precision), memory, vae_strips, ..Options::default() }
}

/// The same with everything on the device, with the text encoders copied for the prompt, and with the UNet copied, too.
#[test]
fn what_is_taken_of_a_device_is_the_prediction_and_pictures_are_the_same() {
    for (precision, side) in [(Precision::F16, 64), (Precision::F32, 128)] {
        let mut first: Option<(Picture, u64)> = None;
        let unlimited = MemoryOptions::default();
        let low = MemoryOptions { low: true, ..unlimited };
        for (memory, strips) in
            [(unlimited, VaeStrips::Auto), (low, VaeStrips::Off), (low, VaeStrips::Rows(4))]
        {
            let options_of_gpu = GpuOptions { segment_bytes: Some(SEGMENT), ..GpuOptions::default() };
            let gpu = Arc::new(open_gpu(options_of_gpu));
            let (picture, fit) = draw(&gpu, &options(precision, memory, strips), side);
            let taken = gpu.allocated().expect("it counts");
            println!(
                "{side}² in {precision}: {} KiB taken, {} predicted: {}",
                taken >> 10,
                fit.device_bytes >> 10,
                fit.plan
            );
            let ratio = taken as f64 / fit.device_bytes as f64;
            assert!((0.95..=1.05).contains(&ratio), "{taken} bytes taken, {fit:?} predicted");
            match &first {
                None => first = Some((picture, taken)),
                Some((whole, most)) => {
                    // Strips have rounding of their own, which `strips` looks at.
                    let same = fit.plan.vae_rows.is_some() || picture.rgb == whole.rgb;
                    assert!(same, "{} draws another picture", fit.plan);
                    assert!(taken < *most, "{taken} bytes, {most} with all of it there");
                }
            }
        }
    }
}

/// A budget that holds the UNet and not the text encoders beside it.
#[test]
fn what_does_not_fit_into_the_budget_of_a_prediction_is_not_held() {
    let gpu = Arc::new(open_gpu(GpuOptions::default()));
    let all = options(Precision::F16, MemoryOptions::default(), VaeStrips::Off);
    let (whole, Fit { device_bytes, .. }) = draw(&gpu, &all, 64);
    let memory = MemoryOptions { budget: Some(device_bytes - 1), low: false };
    let gpu = Arc::new(open_gpu(GpuOptions::default()));
    let (picture, fit) = draw(&gpu, &Options { memory, ..all }, 64);
    assert_eq!((fit.plan.text, fit.plan.unet), (Holding::Streamed, Holding::Held));
    assert!(gpu.allocated() < Some(device_bytes), "{:?} bytes of {device_bytes}", gpu.allocated());
    assert!(picture.rgb == whole.rgb, "it is another picture");
}
