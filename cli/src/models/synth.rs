//! `fulmen models synth`: a model of made-up weights, as large as the real one.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fulmen_engine::synth::{self, SynthLayout, SynthProgress, SynthSize};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Error, threads};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::SynthArgs;
use crate::failure::Failure;
use crate::{aside, console, signals};

pub(super) fn run(args: &SynthArgs) -> Result<(), Failure> {
    let configs = match args.config.as_str() {
        "sdxl" => Configs::sdxl_base()?,
        folder => Configs::folder(Path::new(folder))?,
    };
    let layout = if args.single_file { SynthLayout::SingleFile } else { SynthLayout::Folder };
    let total = match args.net {
        Some(net) => synth::guide_size(&configs, net)?,
        None => synth::size(&configs, layout)?,
    };
    let out = target(args)?;
    let replaced = Replaced::find(&out, args.force)?;
    console::err(&format!(
        "writing {} tensors, {} MiB, to {}",
        total.tensors,
        total.bytes >> 20,
        out.display()
    ));

    let cancel = signals::cancel_on_stop();
    threads::start();
    let progress = Progress::new(args.json, total.bytes);
    let place = replaced.as_ref().map_or(&out, |replaced| &replaced.new);
    aside::also_unfinished(synth::partial(place));
    let told = |now| {
        cancel.check()?;
        progress.show(now);
        Ok(())
    };
    match args.net {
        Some(net) => synth::write_guide(&configs, net, place, layout, &told)?,
        None => synth::write(&configs, place, layout, &told)?,
    }
    progress.finish();
    if let Some(replaced) = replaced {
        replaced.swap()?;
    }
    conclude(args, &out, total);
    Ok(())
}

/// What is written: the folder, or the file. A single file may be given as the folder for it.
fn target(args: &SynthArgs) -> Result<PathBuf, Failure> {
    if !args.single_file || args.out.extension().is_some_and(|name| name == "safetensors") {
        return Ok(args.out.clone());
    }
    let made = std::fs::create_dir_all(&args.out);
    made.map_err(|source| Error::Write { file: args.out.clone(), source })?;
    Ok(args.out.join("synthetic.safetensors"))
}

fn conclude(args: &SynthArgs, out: &Path, total: SynthSize) {
    let SynthSize { tensors, bytes } = total;
    if args.json {
        let done = serde_json::json!({ "event": "done", "path": out, "tensors": tensors, "bytes": bytes });
        console::json(&done);
    } else {
        console::out(&format!("{}: {tensors} tensors, {} MiB", out.display(), bytes >> 20));
    }
}

/// With `--force`: the model that is there stays until the new one is whole.
struct Replaced {
    old: PathBuf,
    new: PathBuf,
}

impl Replaced {
    /// `None` where nothing is there.
    fn find(out: &Path, force: bool) -> Result<Option<Self>, Failure> {
        let Ok(about) = out.symlink_metadata() else { return Ok(None) };
        if !force {
            let what = format!("{} is there already; use --force to replace it", out.display());
            return Err(Failure::Usage(what));
        }
        // `--force` deletes: of folders only what this very command could have written.
        let is_ours = ["model_index.json", "config.json"].iter().any(|file| out.join(file).is_file());
        if about.is_dir() && !is_ours {
            let what = format!("{} is a folder without a model in it, and is not replaced", out.display());
            return Err(Failure::Usage(what));
        }
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        Ok(Some(Self { old: out.to_path_buf(), new: out.with_file_name(name) }))
    }

    fn swap(self) -> Result<(), Failure> {
        let Self { old, new } = self;
        let remove = if old.is_dir() { std::fs::remove_dir_all(&old) } else { std::fs::remove_file(&old) };
        let swapped = remove.and_then(|()| std::fs::rename(&new, &old));
        Ok(swapped.map_err(|source| Error::Write { file: old, source })?)
    }
}

/// A bar on a terminal, JSON lines for programs, a line for every tenth elsewhere.
enum Progress {
    Bar(ProgressBar),
    Tenths { json: bool, told: AtomicU64 },
}

impl Progress {
    fn new(json: bool, total: u64) -> Self {
        if json || !std::io::stderr().is_terminal() {
            return Self::Tenths { json, told: AtomicU64::new(0) };
        }
        let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is ours and correct");
        Self::Bar(ProgressBar::new(total).with_style(style))
    }

    fn show(&self, now: SynthProgress) {
        match self {
            Self::Bar(bar) => bar.set_position(now.done),
            Self::Tenths { json, told } => {
                let tenth = 10 * now.done / now.total.max(1);
                // Several threads write; one of them tells.
                if told.fetch_max(tenth, Ordering::Relaxed) < tenth {
                    tell(*json, now, tenth);
                }
            }
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn tell(json: bool, SynthProgress { done, total }: SynthProgress, tenth: u64) {
    if json {
        console::json(&serde_json::json!({ "event": "progress", "bytes": done, "total_bytes": total }));
    } else {
        console::err(&format!("{} %", 10 * tenth));
    }
}
