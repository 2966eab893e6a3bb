//! Ctrl-C and its relatives, in the middle of a run.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::program::Place;
use crate::started::Started;

/// How long a program may take to stop: a node of its graph, on a busy machine.
const STOP_TIME: Duration = Duration::from_secs(60);

/// Starts a run of a thousand steps, sends `signal` after the first, and answers the exit code and the
/// time that stopping took.
fn stop_with(place: &Place, signal: Signal) -> Option<i32> {
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
    let mut child = Started::new(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let step = lines.find(|line| line.as_ref().unwrap().contains("\"step\""));
    assert!(step.is_some(), "no step was made");
    child.signal(signal);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let last: serde_json::Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["message"]), (&"error".into(), &"cancelled".into()));
    child.wait_within(STOP_TIME).expect("an end").code()
}

#[test]
fn a_second_signal_stops_at_once_and_leaves_no_file_either() {
    let place = Place::new();
    let mut command = place.command();
    let size = ["--width", "1024", "--height", "1024", "--device", "cpu", "--trace", "trace.tsv"];
    command.args(["generate", "a cat", "--json"]).args(size);
    let mut child = Started::new(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("denoise")), "it never began to draw");
    for _ in 0..2 {
        child.signal(Signal::INT);
    }
    // Where the node that was running ended between the two, the first had its way.
    let code = child.wait_within(STOP_TIME).expect("an end").code();
    assert!(matches!(code, Some(1 | 130)), "{code:?}");
    assert!(place.files().is_empty(), "{:?} was left", place.files());
}

#[test]
fn an_interrupted_run_stops_with_exit_code_1_and_leaves_no_file() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = Place::new();
        assert_eq!(stop_with(&place, signal), Some(1), "{signal:?}");
        assert!(place.files().is_empty(), "{signal:?} left {:?}", place.files());
    }
}
