//! `fulmen tune`, with the small model on whatever adapter there is, which may be a software one.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{Place, Run};

/// The adapter under test.
fn adapter() -> String {
    std::env::var("FULMEN_TEST_ADAPTER").unwrap_or_else(|_| "gpu".into())
}

/// With the user's cache in a folder of the place.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command();
    command.args(arguments).args(["--device", &adapter()]).env("XDG_CACHE_HOME", place.path("cache"));
    command
}

fn run(place: &Place, arguments: &[&str]) -> Run {
    Run::of(command(place, arguments).output().unwrap())
}

const DEMO: [&str; 7] = ["tune", "--config", "demo", "--size", "64x64", "--seconds", "20"];

fn done(run: &Run) -> Value {
    let done = run.events().pop().unwrap();
    assert_eq!(done["event"], "done", "{done}");
    done
}

#[cfg(target_os = "linux")]
#[test]
fn kernels_are_timed_remembered_shown_used_and_forgotten() {
    let place = Place::new();
    let nothing = run(&place, &["tune", "--show"]).succeeded();
    assert!(nothing.stdout.contains("nothing was timed"), "{}", nothing.stdout);
    let timed = run(&place, &[&DEMO[..], &["--json"]].concat()).succeeded();
    let events = timed.events();
    assert_eq!(events[0]["event"], "kernel", "{}", events[0]);
    let timed = done(&timed);
    let kernels = timed["kernels"].as_array().unwrap();
    assert!(!kernels.is_empty(), "{timed}");
    for kernel in kernels {
        let tried = kernel["kernels"].as_array().unwrap();
        let chosen = tried.iter().find(|tried| tried["kernel"] == kernel["chosen"]).expect("one of them");
        assert!(chosen["seconds"].as_f64() > Some(0.0) && kernel["gain"].as_f64() > Some(-1.0), "{kernel}");
    }
    let file = place.path("cache").join("fulmen").join("kernels.json");
    assert_eq!(timed["file"].as_str(), file.to_str());
    let shown = run(&place, &["tune", "--show", "--json"]).succeeded();
    assert_eq!(done(&shown)["kernels"].as_array().unwrap().len(), kernels.len());
    let table = run(&place, &["tune", "--show"]).succeeded().stdout;
    assert!(table.contains("conv3x3 64×") && table.contains("run on another kernel than"), "{table}");
    let draw = ["generate", "a red circle", "--width", "64", "--height", "64", "--steps", "1", "-o", "a.png"];
    run(&place, &draw).succeeded();
    run(&place, &[&draw[..], &["--no-tuning"]].concat()).succeeded();
    let count = done(&run(&place, &["tune", "--forget", "--json"]).succeeded())["forgotten"].clone();
    assert_eq!(count.as_u64(), Some(kernels.len() as u64));
    assert!(run(&place, &["tune", "--show"]).succeeded().stdout.contains("nothing was timed"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_file_is_named_not_used_and_written_anew() {
    let place = Place::new();
    let folder = place.path("cache").join("fulmen");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kernels.json"), "{\"format\": 1, \"devices\": {\"").unwrap();
    let shown = run(&place, &["tune", "--show"]).succeeded();
    assert!(shown.stderr.contains("kernels.json is damaged"), "{}", shown.stderr);
    run(&place, &["tune", "--forget"]).succeeded();
    let shown = run(&place, &["tune", "--show"]).succeeded();
    assert!(!shown.stderr.contains("damaged"), "{}", shown.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_kept_the_times_are_told_and_the_run_fails() {
    let place = Place::new();
    // No folder can be made where a file is.
    fs::write(place.path("cache"), "").unwrap();
    let arguments = ["tune", "--config", "demo", "--size", "64", "--seconds", "1"];
    let timed = run(&place, &arguments).failed(1, &["cannot be remembered", "kernels.json"]);
    assert!(timed.stdout.contains("shape"), "{}", timed.stdout);
}

#[test]
fn what_cannot_be_tuned_is_refused_before_anything_is_opened() {
    let place = Place::new();
    place.run(&["tune", "--device", "cpu"]).failed(2, &["--device cpu", "fulmen devices"]);
    place.run(&["tune", "--device", "no such device"]).failed(2, &["no such device"]);
    run(&place, &["tune", "--size", "65x64"]).failed(2, &["--size 65x64", "multiples of 8"]);
    place.run(&["tune", "--size", "wide"]).failed(2, &["--size", "1216x832"]);
    place.run(&["tune", "--config", "other"]).failed(2, &["sdxl", "demo"]);
    place.run(&["tune", "--config", "demo", "--model", "x"]).failed(2, &["--config", "--model"]);
    place.run(&["tune", "--show", "--forget"]).failed(2, &["--show", "--forget"]);
    place.run(&["tune", "--seconds", "0"]).failed(2, &["--seconds"]);
}
