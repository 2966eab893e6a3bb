//! `fulmen tune`: times the kernels of a GPU, and shows or forgets what was timed; `report` is the table.

mod report;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fulmen_engine::backend::Clock;
use fulmen_engine::engine::{Engine, Options, Precision};
use fulmen_engine::gpu::{
    AdapterDescription, Core, GpuBackend, GpuOptions, Measured, Tuned, TuningProgress, choose_adapter,
    list_adapters,
};
use fulmen_engine::request::Request;
use fulmen_engine::weights::{Checkpoint, Configs};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::TuneArgs;
use crate::failure::Failure;
use crate::kernels::{Remembered, unguided};
use crate::{cached, console, matrix_units, signals};

/// Does what was asked for.
pub(crate) fn run(args: &TuneArgs) -> Result<(), Failure> {
    let device = args.device.as_deref().map(device).transpose()?;
    let folder = cached::folder().ok_or_else(|| {
        Failure::Run("this user has no cache folder to remember it in; set XDG_CACHE_HOME or HOME".into())
    })?;
    let mut remembered = Remembered::read(&folder);
    remembered.warn();
    if args.show {
        show(device.as_ref(), &remembered, args.json);
        return Ok(());
    }
    let device = device.map_or_else(|| self::device("auto"), Ok)?;
    if args.forget {
        return forget(&device, &mut remembered, args.json);
    }
    let request = request(args)?;
    let tuned = time(args, &device, &request, &folder)?;
    let clock = tuned.clock;
    if !args.json {
        report::lines(&tuned.measured).iter().for_each(|line| console::out(line));
        notes(&tuned).iter().for_each(|line| console::out(line));
    }
    let kept = remembered.remember(&device, tuned.measured.clone());
    let file = remembered.file().display().to_string();
    if args.json {
        let file = kept.is_ok().then_some(&file);
        let kernels = report::rows(&tuned.measured);
        let (name, left) = (&device.name, tuned.left);
        console::json(&json!({
            "event": "done", "device": name, "driver": device.driver, "clock": clock, "left": left, "file": file,
            "kernels": kernels,
        }));
    } else if kept.is_ok() {
        console::out(&format!("remembered in {file}; programs on this device use it from now on"));
    }
    kept.map_err(|error| Failure::Run(format!("what was timed cannot be remembered in {file}: {error}")))
}

/// The adapter that is meant.
fn device(choice: &str) -> Result<AdapterDescription, Failure> {
    if choice == "cpu" {
        let what = "--device cpu has no kernels to choose from; `fulmen devices` lists GPUs";
        return Err(Failure::Usage(what.into()));
    }
    let adapters = list_adapters();
    let place = choose_adapter(choice, &adapters)?;
    Ok(adapters[place].clone())
}

/// The picture whose graphs are looked through.
fn request(args: &TuneArgs) -> Result<Request, Failure> {
    let request = match &args.model {
        Some(_) => Request {
            width: args.size.map(|(width, _)| width),
            height: args.size.map(|(_, height)| height),
            ..Request::new("a red circle")
        },
        None => unguided(args.size),
    };
    request.validate().map_err(|_| {
        let (width, height) = args.size.unwrap_or_default();
        let what =
            format!("--size {width}x{height} is not possible; use multiples of 8, for instance 1216x832");
        Failure::Usage(what)
    })?;
    Ok(request)
}

/// Opens device and model, and times.
fn time(
    args: &TuneArgs,
    device: &AdapterDescription,
    request: &Request,
    folder: &Path,
) -> Result<Tuned, Failure> {
    let cancel = signals::cancel_on_stop();
    let trusted = device.core != Core::Cooperative || matrix_units::trust(device, Some(folder));
    let options = GpuOptions { matrix_units: trusted, ..GpuOptions::default() };
    let choice = format!("gpu:{}", device.index);
    let backend = Arc::new(GpuBackend::open_caching(&choice, options, Some(folder))?);
    let engine = match (&args.model, args.config.as_str()) {
        (Some(model), _) => {
            let precision = Some(Precision::F16);
            let options = Options { model: Some(model.clone()), precision, ..Options::default() };
            Engine::open_on(backend.clone(), &options)?
        }
        (None, "demo") => {
            Engine::synthetic(backend.clone(), Checkpoint::embedded_demo()?.configs(), Precision::F16)?
        }
        (None, _) => Engine::synthetic(backend.clone(), &Configs::sdxl_base()?, Precision::F16)?,
    };
    let graphs = engine.graphs(request)?;
    let mut bar = Bar::new(args.json);
    let budget = Duration::from_secs(args.seconds.into());
    Ok(backend.tune(&graphs, budget, &mut |progress| bar.show(progress), &cancel)?)
}

/// What is remembered of a device, or of all that were ever here: none of them need be there now.
fn show(device: Option<&AdapterDescription>, remembered: &Remembered, json: bool) {
    let devices: Vec<(String, &[Measured])> = match device {
        Some(device) => vec![(cached::key(device), remembered.of(device).unwrap_or_default())],
        None => remembered.all().map(|(device, measured)| (device.to_owned(), measured)).collect(),
    };
    if json {
        let file = remembered.file().display().to_string();
        let rows = |(device, measured): &(String, &[Measured])| json!({ "device": device, "kernels": report::rows(measured) });
        let devices: Vec<_> = devices.iter().map(rows).collect();
        return console::json(&json!({ "event": "done", "file": file, "devices": devices }));
    }
    if devices.is_empty() {
        console::out("nothing was timed on this machine; `fulmen tune` does it");
    }
    for (device, measured) in devices {
        if measured.is_empty() {
            console::out(&format!("nothing was timed on {device}; `fulmen tune` does it"));
        } else {
            console::out(&device);
            report::lines(measured).iter().for_each(|line| console::out(line));
        }
    }
}

fn forget(device: &AdapterDescription, remembered: &mut Remembered, json: bool) -> Result<(), Failure> {
    let forgotten = remembered.forget(device);
    let cannot = |error| Failure::Run(format!("{} cannot be written: {error}", remembered.file().display()));
    let count = forgotten.map_err(cannot)?;
    if json {
        console::json(&json!({ "event": "done", "device": device.name, "forgotten": count }));
    } else {
        console::out(&format!("forgot what was timed on {} with this driver: {count} shapes", device.name));
    }
    Ok(())
}

/// What should be known of the numbers.
fn notes(tuned: &Tuned) -> Vec<String> {
    let mut notes = vec![];
    if tuned.clock != Clock::Device {
        notes.push("the device takes no timestamps: times have in them what a submission costs".to_owned());
    }
    if tuned.left > 0 {
        let left = tuned.left;
        notes.push(format!("there was no time for {left} further shapes; --seconds gives more"));
    }
    notes
}

/// How far it is: a bar on a terminal, events for programs.
struct Bar {
    json: bool,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new(json: bool) -> Self {
        let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {elapsed} {msg}");
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0).with_style(style.expect("the template is ours and correct"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { json, bar }
    }

    fn show(&mut self, progress: TuningProgress<'_>) {
        let TuningProgress { done, total, next } = progress;
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(next.to_string());
        }
        if self.json {
            let shape = next.to_string();
            console::json(&json!({ "event": "kernel", "done": done, "total": total, "shape": shape }));
        }
    }
}

/// Also where it failed: the error is printed after this, on a clean line.
impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
