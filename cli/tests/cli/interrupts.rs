//! Ctrl-C and its relatives, in the middle of a run and at its beginning; and signals that mean nothing to us.
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
fn one_signal_ends_a_run_that_waits_for_a_pipe_that_nobody_fills() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status().expect("mkfifo");
    assert!(made.success(), "no pipe was made");
    for arguments in [
        &["generate", "a cat", "--init", "-"][..],
        &["generate", "-"],
        &["generate", "a cat", "--init", "pipe"],
        &["upscale", "pipe", "--by", "2"],
    ] {
        let mut command = place.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = Started::new(&mut command);
        // Kept open, and empty.
        let _input = child.stdin.take();
        std::thread::sleep(Duration::from_millis(500));
        child.signal(Signal::TERM);
        let end = child.wait_within(STOP_TIME).unwrap_or_else(|| panic!("{arguments:?} went on waiting"));
        // Where the machine was so busy that it had not begun, the signal ended it by itself.
        assert!(matches!(end.code(), None | Some(130)), "{arguments:?}: {end:?}");
    }
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
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::XCPU] {
        let place = Place::new();
        assert_eq!(stop_with(&place, signal), Some(1), "{signal:?}");
        assert!(place.files().is_empty(), "{signal:?} left {:?}", place.files());
    }
}

#[test]
fn a_run_stopped_at_any_time_leaves_no_file() {
    let mut stopped = 0;
    for delay in (0..60).map(|n| Duration::from_millis(4 * n)) {
        let place = Place::new();
        let mut command = place.command();
        command.args(["generate", "a cat", "--device", "cpu", "-o", "cat.png", "--trace", "trace.tsv"]);
        let mut child = Started::new(command.stdout(Stdio::null()).stderr(Stdio::null()));
        std::thread::sleep(delay);
        // As `timeout` does: the program, then its group.
        for _ in 0..2 {
            child.signal(Signal::INT);
        }
        let status = child.wait_within(STOP_TIME).expect("an end");
        // A fast machine is done before the last of these signals come; the second may come when all is written.
        let (files, both) = (place.files(), ["cat.png", "trace.tsv"]);
        match status.code() {
            Some(0) => assert_eq!(files, both, "{delay:?}"),
            Some(130) => {
                assert!(files.iter().all(|name| both.contains(&name.as_str())), "{delay:?}: {files:?}");
            }
            _ => assert!(files.is_empty(), "{delay:?}: {status}: {files:?}"),
        }
        if files.contains(&"cat.png".into()) {
            let picture = std::fs::read(place.path("cat.png")).unwrap();
            assert!(image::load_from_memory(&picture).is_ok(), "{delay:?}: {status}: half a picture");
        }
        stopped += usize::from(!status.success());
    }
    assert!(stopped > 0, "no run was stopped");
}

#[test]
fn signals_that_ask_for_nothing_end_nothing() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["generate", "a cat", "--json", "--device", "cpu", "--steps", "40", "-o", "cat.png"]);
    let mut child = Started::new(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"step\"")), "no step was made");
    for signal in [Signal::USR1, Signal::USR2, Signal::XFSZ, Signal::PIPE, Signal::ALARM, Signal::WINCH] {
        child.signal(signal);
    }
    assert!(lines.last().is_some_and(|line| line.contains("\"done\"")), "it was not drawn");
    assert_eq!(child.wait_within(STOP_TIME).expect("an end").code(), Some(0));
    assert_eq!(place.files(), ["cat.png"]);
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let place = Place::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_fulmen")]);
    command.args(["generate", "a cat", "--json", "--device", "cpu", "--steps", "40", "-o"]);
    command.arg(place.path("cat.png")).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Started::new(&mut command);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"step\"")), "no step was made");
    child.signal(Signal::HUP);
    assert!(lines.last().is_some_and(|line| line.contains("\"done\"")), "it was not drawn");
}

/// A file may not grow beyond `ulimit -f`; sh counts in blocks of 512 bytes.
#[test]
fn a_limit_of_files_is_an_error_and_leaves_no_file() {
    let place = Place::new();
    for (blocks, arguments, named) in [
        ("4", &["-o", "cat.png"][..], "cat.png"),
        ("4", &["--seed", "5"], "fulmen-5.png"),
        ("100", &["-o", "cat.png", "--trace", "trace.tsv"], "trace.tsv"),
    ] {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -f \"$1\"; shift; exec \"$0\" \"$@\""]);
        command.args([env!("CARGO_BIN_EXE_fulmen"), blocks, "generate", "a cat", "--device", "cpu"]);
        command.args(arguments).current_dir(place.path("."));
        let run = crate::program::Run::of(command.output().unwrap());
        run.failed(1, &["cannot write", named, "File too large"]);
        assert!(place.files().is_empty(), "{:?} was left", place.files());
    }
}

#[test]
fn a_model_in_the_making_is_gone_too() {
    for layout in [&["--out", "model"][..], &["--out", "model.safetensors", "--single-file"]] {
        let place = Place::new();
        let mut command = place.command();
        command.args(["models", "synth", "--config", "sdxl"]).args(layout);
        let mut child = Started::new(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with("writing "));
        std::thread::sleep(Duration::from_millis(50));
        child.signal(Signal::INT);
        child.signal(Signal::INT);
        assert!(!child.wait_within(STOP_TIME).expect("an end").success());
        assert!(place.files().is_empty(), "{:?} was left", place.files());
    }
}
