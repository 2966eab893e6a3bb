//! Why a command failed, as one sentence and an exit code.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use fulmen_engine::{Error, quote};

use crate::console;

/// Whether the caller reads JSON lines, and wants errors there too.
static JSON: AtomicBool = AtomicBool::new(false);

/// From here on errors are also printed as an event.
pub(crate) fn also_as_json() {
    JSON.store(true, Ordering::Relaxed);
}

/// Whether standard error is a log in JSON, every line of it.
static LOG: AtomicBool = AtomicBool::new(false);

/// From here on errors are lines of the log.
pub(crate) fn log_as_json() {
    LOG.store(true, Ordering::Relaxed);
    fulmen_server::log_to_stderr(fulmen_server::LogFormat::Json);
}

/// Whether they are.
pub(crate) fn is_logged() -> bool {
    LOG.load(Ordering::Relaxed)
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for what cannot be.
    Usage(String),
    /// clap said it all, in its own form.
    Clap(clap::Error),
    /// The engine's reason.
    Engine(Error),
    /// Ours.
    Run(String),
    /// A panic.
    Crash(String),
}

impl Failure {
    /// 1: the run failed. 2: the command line is wrong.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Clap(_) | Self::Engine(Error::Request(_)) => 2,
            Self::Engine(_) | Self::Run(_) | Self::Crash(_) => 1,
        }
    }

    /// Tells whoever started us.
    pub(crate) fn report(&self) -> ExitCode {
        let exit_code = self.exit_code();
        match self {
            _ if is_logged() => fulmen_server::tell_failure(&self.to_string()),
            Self::Clap(error) => print(error),
            other => console::err(&format!("fulmen: {other}")),
        }
        if JSON.load(Ordering::Relaxed) {
            let event = serde_json::json!({
                "event": "error", "message": self.to_string(), "exit_code": exit_code,
            });
            console::json(&event);
        }
        exit_code.into()
    }
}

impl From<fulmen_server::Error> for Failure {
    fn from(error: fulmen_server::Error) -> Self {
        match error {
            fulmen_server::Error::Options(what) => Self::Usage(what),
            fulmen_server::Error::Engine(error) => Self::Engine(error),
            other => Self::Run(other.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Run(what) => f.write_str(what),
            Self::Clap(error) => f.write_str(first_paragraph(&error.to_string())),
            Self::Engine(error) => error.fmt(f),
            Self::Crash(what) => write!(
                f,
                "this is a bug in Fulmen, please report it with the command that you typed and \
                 what `fulmen selftest` prints: {what} (version {})",
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

/// In clap's colours, unless there is an argument that would steer the terminal: clap repeats it as it is.
fn print(error: &clap::Error) {
    let steers = |word: OsString| {
        let word = word.to_string_lossy();
        quote::visible(&word) != word
    };
    if std::env::args_os().any(steers) {
        console::err(error.render().to_string().trim_end());
    } else {
        // A second failure to print has nowhere to go.
        drop(error.print());
    }
}

/// clap's message without the usage below it.
fn first_paragraph(message: &str) -> &str {
    message.split("\n\n").next().unwrap_or(message).trim_start_matches("error: ").trim()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}
