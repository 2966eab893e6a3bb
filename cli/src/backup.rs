//! `fulmen backup`: a copy of what a server keeps.

use std::io::IsTerminal;

use fulmen_server::{BackedUp, BackupProgress, backup};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::BackupArgs;
use crate::failure::Failure;
use crate::{console, serve, signals};

pub(crate) fn run(args: &BackupArgs) -> Result<(), Failure> {
    let data = serve::data_directory(args.data.as_ref())?;
    let cancel = signals::cancel_on_stop();
    let mut progress = Progress::new(args.json);
    let copied = backup(&data, &args.dir, &mut |now| {
        progress.show(now);
        cancel.check().is_ok()
    });
    drop(progress);
    conclude(args, copied?);
    Ok(())
}

fn conclude(args: &BackupArgs, copied: BackedUp) {
    let BackedUp { pictures, generations, bytes, linked, missing } = copied;
    if missing > 0 && !args.json {
        console::err(&format!(
            "warning: {missing} pictures were missing or cut off already; the copy has their records only"
        ));
    }
    if args.json {
        console::json(&serde_json::json!({
            "event": "done", "path": args.dir, "pictures": pictures, "generations": generations, "bytes": bytes,
            "linked": linked, "missing": missing,
        }));
    } else {
        let dir = args.dir.display();
        console::out(&format!("{dir}: {pictures} pictures, {generations} generations, {} MiB", bytes >> 20));
    }
}

/// A bar for a person at a terminal; lines of JSON for a program; else nothing.
enum Progress {
    Bar(ProgressBar),
    Json { tenth: u64 },
    Silent,
}

impl Progress {
    fn new(json: bool) -> Self {
        if json {
            return Self::Json { tenth: 0 };
        }
        if !std::io::stderr().is_terminal() {
            return Self::Silent;
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta} left");
        Self::Bar(ProgressBar::new(0).with_style(style.expect("the template is ours and correct")))
    }

    fn show(&mut self, now: BackupProgress) {
        let (what, done, of) = match now {
            BackupProgress::Database { pages, of } => ("pages", pages, of),
            BackupProgress::Pictures { pictures, of } => ("pictures", pictures, of),
        };
        match self {
            Self::Bar(bar) => {
                bar.set_length(of);
                bar.set_position(done);
                bar.set_message(what);
            }
            Self::Json { tenth } => {
                let now = 10 * done / of.max(1);
                if now != *tenth {
                    *tenth = now;
                    console::json(
                        &serde_json::json!({ "event": "progress", "what": what, "done": done, "of": of }),
                    );
                }
            }
            Self::Silent => {}
        }
    }
}

/// Also where the copy failed: the error is printed after this, on a clean line.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
