//! Writing to whoever started us. A reader that has gone away (`fulmen devices | head -0`) is no
//! failure of ours: what it does not want to read is dropped, and the work goes on.

use std::io::Write;

/// A line for the caller: a result, or an event in JSON.
pub(crate) fn out(line: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
}

/// A line for the person: progress, warnings, errors.
pub(crate) fn err(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// A value as one line of JSON.
pub(crate) fn json(value: &impl serde::Serialize) {
    out(&serde_json::to_string(value).expect("our own structs have string keys only"));
}
