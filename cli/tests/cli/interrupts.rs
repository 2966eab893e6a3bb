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
fn a_second_signal_stops_at_once_and_leaves_no_file_either() {
    let place = Place::new();
    let mut command = place.command();
    let size = ["--width", "1024", "--height", "1024", "--device", "cpu", "--trace", "trace.tsv"];
    command.args(["generate", "a cat", "--json"]).args(size);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("denoise")), "it never began to draw");
    for _ in 0..2 {
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    }
    // Where the node that was running ended between the two, the first had its way.
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 130)), "{code:?}");
    assert!(place.files().is_empty(), "{:?} was left", place.files());
}

#[test]
fn an_interrupted_run_stops_with_exit_code_1_and_leaves_no_file() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        assert_eq!(stop_with(&place, signal), Some(1), "{signal}");
        assert!(place.files().is_empty(), "{signal} left {:?}", place.files());
    }
}
