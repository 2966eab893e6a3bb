//! `fulmen upscale`: from a picture's file to that of a larger one.

use std::path::{Path, PathBuf};
use std::time::Instant;

use fulmen_engine::Error;
use fulmen_engine::engine::{Enlarger, Event, Watch};
use fulmen_engine::message::Setting;
use fulmen_engine::picture::{self, Limits, Picture};
use serde::Serialize;

use crate::args::UpscaleArgs;
use crate::console;
use crate::failure::Failure;
use crate::generate::Output;
use crate::memory::Watcher;
use crate::signals;

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Warning { message: String },
    Memory { predicted_bytes: u64 },
    Tile { tile: usize, tiles: usize, seconds: f64 },
    Done(&'a Done),
}

/// The larger picture, in its file.
#[derive(Serialize)]
struct Done {
    path: PathBuf,
    width: usize,
    height: usize,
    seconds: f64,
    peak_rss_bytes: Option<u64>,
    peak_anonymous_bytes: Option<u64>,
    predicted_bytes: u64,
    device: String,
}

/// Enlarges.
pub(crate) fn run(args: UpscaleArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let (cancel, memory) = (signals::cancel_on_stop(), Watcher::start());
    let upscale = args.upscale();
    let output = Output::new(args.output, args.format.map(Into::into), false)?;
    output.check_one(&args.image, args.json)?;
    let read = || picture::open_with_settings(&args.image, Limits::default());
    let (source, settings) = signals::while_reading(read)?;
    let mut enlarger = Enlarger::open(&args.device.device()?, args.precision.map(Into::into))?;
    let said = enlarger.warning().map(ToString::to_string);
    said.into_iter().for_each(|message| tell(args.json, &Line::Warning { message }));
    let alpha = source.alpha.is_some();
    let need = enlarger.prepare([source.width, source.height], alpha, &upscale).map_err(named_here)?;
    tell(args.json, &Line::Memory { predicted_bytes: need.total() });

    let mut event = |event| {
        if let Event::Tile { tile, tiles, seconds, .. } = event {
            tell(args.json, &Line::Tile { tile, tiles, seconds });
        }
    };
    let mut watch = Watch { event: &mut event, trace: None, previews: 0, cancel: cancel.clone() };
    let before = source.width as f64;
    let large = enlarger.enlarge(source, &upscale, 0, &mut watch).map_err(named_here)?;
    let ratio = upscale.by.unwrap_or(large.width as f64 / before);
    let settings = settings.map(|settings| settings.enlarged(ratio, &upscale.name()));
    let bytes = large.encode(output.format(), settings.as_ref())?;
    let path = output.put(&named(&args.image, &large, &output), &bytes, &cancel)?;
    let peaks = memory.peaks();
    let done = Done {
        path,
        width: large.width,
        height: large.height,
        seconds: start.elapsed().as_secs_f64(),
        peak_rss_bytes: peaks.rss,
        peak_anonymous_bytes: peaks.anonymous,
        predicted_bytes: need.total(),
        device: enlarger.device().to_owned(),
    };
    tell(args.json, &Line::Done(&done));
    Ok(())
}

/// `generate --upscale-by` is this command's `--by`.
fn named_here(error: Error) -> Failure {
    match error {
        Error::Request(message) => Failure::Usage(message.named(|setting| match setting {
            Setting::UpscaleBy => "--by".into(),
            other => other.flag().into(),
        })),
        other => other.into(),
    }
}

/// `fox.jpg` to `fox-2048x2048.png`, in the current folder.
fn named(image: &Path, large: &Picture, output: &Output) -> PathBuf {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let (width, height) = (large.width, large.height);
    PathBuf::from(format!("{stem}-{width}x{height}.{}", output.extension()))
}

/// To a program as JSON; to a person what happens, and where the picture is.
fn tell(json: bool, line: &Line<'_>) {
    if json {
        return console::json(line);
    }
    match line {
        Line::Warning { message } => console::err(&format!("warning: {message}")),
        Line::Memory { predicted_bytes } => {
            console::err(&format!("{} MiB will be needed", predicted_bytes >> 20));
        }
        Line::Tile { tile, tiles, seconds } => console::err(&format!("tile {tile}/{tiles}: {seconds:.2} s")),
        Line::Done(Done { path, width, height, seconds, device, .. }) => {
            console::out(&format!("{}: {width}×{height}, {seconds:.2} s on {device}", path.display()));
        }
    }
}
