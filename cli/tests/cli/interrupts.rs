//! Ctrl-C and its relatives, in the middle of a run.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::program::Place;

/// Starts a run of a thousand steps, sends `signal` after the first, and answers the exit code and the
/// time that stopping took.
fn stop_with(place: &Place, signal: &str) -> Option<i32> {
    let mut command = place.command();
    command.args([
        "generate",
        "a cat",
        "--json",
        "--device",
        "cpu",
        "--steps",
        "1000",
        "--trace",
        "trace.tsv",
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let step = lines.find(|line| line.as_ref().unwrap().contains("\"step\""));
    assert!(step.is_some(), "no step was made");
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let last: serde_json::Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["message"]), (&"error".into(), &"cancelled".into()));
    child.wait().unwrap().code()
}

#[test]
fn an_interrupted_run_stops_with_exit_code_1_and_leaves_no_file() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        assert_eq!(stop_with(&place, signal), Some(1), "{signal}");
        assert!(place.files().is_empty(), "{signal} left {:?}", place.files());
    }
}
