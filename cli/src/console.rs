//! Writing to whoever started us. A reader that has gone away (`fulmen devices | head -0`) is no
//! failure of ours: what it does not want to read is dropped, and the work goes on. Any other write to standard
//! output that fails is one, and is told at the end.
//!
//! Names of files and tensors pass by here, so what would steer a terminal is spelled out.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use fulmen_engine::quote;

/// Whether a picture goes to standard output, and lines must not.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Why standard output could not be written.
static FAILED: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// From here on results are told on standard error.
pub(crate) fn keep_standard_output_free() {
    TAKEN.store(true, Ordering::Relaxed);
}

/// A line for the caller: a result, or an event in JSON.
pub(crate) fn out(line: &str) {
    write_out(&quote::visible(line));
}

fn write_out(line: &str) {
    if TAKEN.load(Ordering::Relaxed) {
        return fulmen_server::tell(line);
    }
    let mut stdout = std::io::stdout().lock();
    note(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
}

/// Remembers that standard output could not be written.
pub(crate) fn note(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Why something could not be written to standard output, where that was so.
pub(crate) fn failed() -> Option<std::io::Error> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A line for the person: progress, warnings, errors.
pub(crate) fn err(line: &str) {
    fulmen_server::tell(&quote::visible(line));
}

/// A warning, for the person or for who reads the log.
pub(crate) fn warn(line: &str) {
    fulmen_server::tell_warning(&quote::visible(line));
}

/// A value as one line of JSON.
pub(crate) fn json(value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).expect("our own structs have string keys only");
    write_out(&quote::json(&line));
}
