//! `fulmen bench`: how fast this machine draws, without a model file.
//!
//! `stages` runs what is measured; `kernels` adds up what kernels took; `rate` is how fast that is; `progress` is what is
//! said meanwhile, `report` what is said at the end.

mod kernels;
mod progress;
mod rate;
mod report;
mod stages;

use std::time::Instant;

use fulmen_engine::backend::Backend;
use fulmen_engine::engine::{Device, Engine, MeasuredKernels, Precision};
use fulmen_engine::request::{Guidance, Request};
use fulmen_engine::schedule::TimestepSpacing;
use fulmen_engine::weights::{Checkpoint, Configs};

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::memory::Watcher;
use crate::{devices, kernels as kernel_choice, signals};
use progress::Progress;
use report::{Machine, Report};
use stages::Runner;

/// Measures.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let device: Device = args.device.parse()?;
    let given =
        args.kernels_from.as_deref().map(|file| kernel_choice::given(file, &args.device)).transpose()?;
    let tuned = given.as_ref().map(|given| (given.table.len(), given.source.clone()));
    let device = device.with_given_kernels(given);
    let device = device.with_kernels((!args.no_tuning).then_some(kernel_choice::known as MeasuredKernels));
    let configs = configs(&args.config)?;
    let request = request(args)?;
    let mut runner =
        Runner { cancel: signals::cancel_on_stop(), progress: Progress::new(args.json), request };

    let start = Instant::now();
    let precision = args.precision.map(Precision::from);
    let backend = runner.progress.during("opening the device", || device.open_in(precision))?;
    let opening = start.elapsed().as_secs_f64();
    let usual = if backend.is_host() { Precision::F32 } else { Precision::F16 };
    let precision = precision.unwrap_or(usual);
    let machine = machine(args, tuned, backend.as_ref(), precision);
    let making = || Engine::synthetic(backend, &configs, precision);
    let engine = runner.progress.during("making weights", making)?;
    let mut engine = engine.with_memory(args.memory.options());
    // Whatever is wrong with the request is told before anything takes long.
    let size = engine.plan(&runner.request)?.finished_size();

    let memory = Watcher::start();
    let before = memory.peaks().anonymous.unwrap_or(0);
    let request = runner.request.clone();
    let first = runner.draw(&mut engine, &request, "first picture")?;
    let second = runner.draw(&mut engine, &request, "second picture")?;
    let on_host = memory.peaks().anonymous.map(|peak| peak.saturating_sub(before));
    let allocated_bytes = engine.allocated().or(on_host);
    drop(memory);

    let peak = runner.progress.during("measuring the device's peak", || engine.peak())?;
    let stages = runner.measure(&mut engine, &second, &peak)?;
    let kernels = if args.kernels { runner.time_kernels(&mut engine, &peak)? } else { vec![] };
    let other_size = runner.draw_another_size(&mut engine)?;
    runner.progress.finish();

    let report = Report {
        machine,
        config: args.config.clone(),
        size,
        steps: args.steps.into(),
        peak,
        stages,
        picture_seconds: second.seconds,
        first_picture_seconds: opening + first.seconds,
        load_seconds: first.stages.load,
        other_size,
        predicted_bytes: first.predicted_bytes,
        allocated_bytes,
        kernels,
    };
    report.tell(args.json);
    Ok(())
}

/// What is measured; `given` is for how many shapes a file chooses kernels, and where that is said.
fn machine(
    args: &BenchArgs,
    given: Option<(usize, String)>,
    backend: &dyn Backend,
    precision: Precision,
) -> Machine {
    let (tuned_shapes, kernels_from) = given.map_or_else(
        || {
            let adapter = devices::opened(&args.device, backend).filter(|_| !args.no_tuning);
            (adapter.map_or(0, |adapter| kernel_choice::count(&adapter)), None)
        },
        |(shapes, source)| (shapes, Some(source)),
    );
    let device = devices::full_name(&args.device, backend);
    Machine {
        version: env!("CARGO_PKG_VERSION"),
        device,
        precision: precision.to_string(),
        tuned_shapes,
        kernels_from,
    }
}

/// The shapes that are computed.
fn configs(name: &str) -> Result<Configs, Failure> {
    match name {
        "demo" => Ok(Checkpoint::embedded_demo()?.configs().clone()),
        _ => Ok(Configs::sdxl_base()?),
    }
}

/// A picture as distilled models draw it: without guidance, so that every step is one call for one picture.
fn request(args: &BenchArgs) -> Result<Request, Failure> {
    let request = Request {
        width: args.size,
        height: args.size,
        steps: Some(args.steps.into()),
        guidance: Some(Guidance::Exactly(0.0)),
        spacing: Some(TimestepSpacing::Trailing),
        seed: Some(1),
        ..Request::new("a red circle on a blue background")
    };
    let refused = |_| {
        let size = args.size.unwrap_or_default();
        Failure::Usage(format!("--size {size} is not possible; use a multiple of 8, for instance 512"))
    };
    request.validate().map_err(refused)?;
    Ok(request)
}
