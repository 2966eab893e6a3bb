//! Pictures into pipes, devices and standard output.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::program::{Place, Run};
use crate::started::Started;

/// How long a small picture may take on a busy machine.
const TIME: Duration = Duration::from_secs(120);

const DRAW: [&str; 10] =
    ["generate", "a cat", "--device", "cpu", "--width", "64", "--height", "64", "--steps", "1"];

fn pipe(place: &Place, name: &str) {
    mknodat(CWD, place.path(name), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// The bytes that `fulmen generate` puts on standard output, and what it said.
fn bytes(place: &Place, arguments: &[&str]) -> (Vec<u8>, Run) {
    let mut output = place.command().args(DRAW).args(arguments).output().unwrap();
    let bytes = std::mem::take(&mut output.stdout);
    (bytes, Run::of(output))
}

#[test]
fn standard_output_carries_the_picture_and_nothing_else() {
    let place = Place::new();
    place.draw(&["a cat", "--seed", "3", "-o", "cat.png"]).succeeded();
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        let (picture, run) = bytes(&place, &["--seed", "3", "-o", name]);
        let said = run.succeeded().stderr;
        assert!(picture == fs::read(place.path("cat.png")).unwrap(), "{name}: {} bytes", picture.len());
        assert!(said.contains("standard output: 64×64, seed 3"), "{said}");
    }
    for (format, head) in [("jpeg", &b"\xff\xd8\xff"[..]), ("jpg", b"\xff\xd8\xff"), ("webp", b"RIFF")] {
        let (picture, run) = bytes(&place, &["-o", "-", "--format", format]);
        run.succeeded();
        assert!(picture.starts_with(head), "{format} begins with {:?}", &picture[..4]);
    }
    assert_eq!(place.files(), ["cat.png"]);
}

#[test]
fn what_standard_output_cannot_take_is_refused_before_anything_is_opened() {
    let place = Place::new();
    place.draw(&["a cat", "-o", "-", "--json"]).failed(2, &["--json", "-o -"]).at_once();
    place.draw(&["a cat", "-o", "-", "-n", "2"]).failed(2, &["one picture"]).at_once();
    place.draw(&["a cat", "-o", "cat.png", "--trace", "-"]).failed(2, &["--trace writes a file"]).at_once();
    assert!(place.files().is_empty());
}

#[test]
fn the_format_is_asked_for_where_a_name_does_not_say_it() {
    let place = Place::new();
    place.draw(&["a cat", "-o", "cat", "--format", "webp"]).succeeded();
    place.draw(&["a cat", "--seed", "8", "--format", "jpeg"]).succeeded();
    place.draw(&["a cat", "-o", "cat.png", "--format", "png"]).succeeded();
    place
        .draw(&["a cat", "-o", "cat.jpeg", "--format", "png"])
        .failed(2, &["cat.jpeg", "--format png"])
        .at_once();
    assert_eq!(place.files(), ["cat", "cat.png", "fulmen-8.jpg"]);
    assert!(fs::read(place.path("cat")).unwrap().starts_with(b"RIFF"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_takes_nothing_is_a_failure() {
    let place = Place::new();
    for arguments in [
        &["devices"][..],
        &["devices", "--json"],
        &["--help"],
        &["--version"],
        &["generate", "--help"],
        &["models", "inspect", "model"],
        &[&DRAW[..], &["-o", "cat.png"]].concat(),
        &[&DRAW[..], &["-o", "cat.png", "--json"]].concat(),
        &[&DRAW[..], &["-o", "-"]].concat(),
    ] {
        if arguments.contains(&"model") {
            let configs = crate::program::repository("tests/fixtures/goldens/sdxl_like");
            let synth = ["models", "synth", "--out", "model", "--config", configs.to_str().unwrap()];
            place.run(&synth).succeeded();
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = place.command().args(arguments).stdout(full).output().unwrap();
        Run::of(output).failed(1, &["cannot write", "standard output: No space left on device"]);
    }
}

#[test]
fn a_picture_that_its_reader_did_not_take_is_a_failure() {
    let place = Place::new();
    let mut command = place.command();
    command.args(DRAW).args(["-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    Run::of(child.wait_with_output().unwrap()).failed(1, &["cannot write standard output", "Broken pipe"]);
}

#[test]
fn a_named_pipe_is_opened_once_and_carries_one_picture() {
    let place = Place::new();
    place.draw(&["a cat", "--seed", "3", "-o", "cat.png"]).succeeded();
    for name in ["pipe.png", "pipe"] {
        pipe(&place, name);
        let reader = std::thread::spawn({
            let path = place.path(name);
            move || {
                let mut bytes = Vec::new();
                File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            }
        });
        place.draw(&["a cat", "--seed", "3", "-o", name]).succeeded();
        assert!(reader.join().unwrap() == fs::read(place.path("cat.png")).unwrap(), "{name} differs");
    }
    assert_eq!(place.files(), ["cat.png", "pipe", "pipe.png"], "a pipe stays a pipe");
}

#[test]
fn one_signal_ends_the_waiting_for_a_reader() {
    let place = Place::new();
    pipe(&place, "pipe.png");
    let (mut command, mut traced) = (place.command(), place.command());
    command.args(DRAW).args(["-o", "pipe.png"]);
    traced.args(DRAW).args(["-o", "cat.png", "--trace", "pipe.png"]);
    for command in [&mut command, &mut traced] {
        let mut child = Started::new(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        assert!(
            lines.any(|line| line.unwrap().starts_with("waiting until something reads")),
            "it does not wait"
        );
        child.signal(Signal::TERM);
        assert_eq!(child.wait_within(TIME).expect("an end").code(), Some(1));
        let said: String = lines.map_while(Result::ok).collect();
        assert!(said.contains("cancelled"), "{said}");
    }
    assert_eq!(place.files(), ["pipe.png"]);
}

#[test]
fn one_signal_ends_the_waiting_for_a_reader_who_stopped_reading() {
    let place = Place::new();
    let mut command = place.command();
    // Noise, so that the picture is larger than any pipe.
    command.args(["generate", "", "--device", "cpu", "--width", "512", "--height", "512", "--steps", "1"]);
    let mut child = Started::new(command.args(["-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.any(|line| line.unwrap() == "decoding"), "it does not draw");
    // From here on it decodes, or waits for us.
    std::thread::sleep(Duration::from_secs(3));
    child.signal(Signal::TERM);
    assert_eq!(child.wait_within(TIME).expect("an end").code(), Some(1));
    let said: String = lines.map_while(Result::ok).collect();
    assert!(said.contains("cancelled"), "{said}");
}
