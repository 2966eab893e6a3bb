//! `fulmen tune`, with the small model on whatever adapter there is, which may be a software one.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

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
    let shown = done(&run(&place, &["tune", "--show", "--json"]).succeeded());
    assert_eq!(shown["devices"][0]["kernels"].as_array().unwrap().len(), kernels.len());
    assert_eq!(shown["devices"].as_array().unwrap().len(), 1);
    // All that is remembered, where no device is named and none need be there.
    let mut anywhere = place.command();
    anywhere.args(["tune", "--show", "--json"]).env("XDG_CACHE_HOME", place.path("cache"));
    let anywhere = anywhere.env("VK_DRIVER_FILES", "/dev/null").env("VK_ICD_FILENAMES", "/dev/null");
    assert_eq!(done(&Run::of(anywhere.output().unwrap()).succeeded())["devices"], shown["devices"]);
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

/// A file for `--kernels-from` with one line, changed as `change` wants it.
fn write_choice(place: &Place, change: impl FnOnce(&mut Value)) {
    let mut line = json!({
        "shape": "conv3x3 64×9×32 → 32",
        "work": {"task": {
            "operation": "conv3x3", "columns": 32, "depth": 288, "heads": 1, "finish": {"bias": true},
            "left": "f16", "weight": "f16", "out": "f16",
        }, "rows": 64},
        "chosen": {"core": "tiled", "tile": "64x64"},
    });
    change(&mut line);
    fs::write(place.path("my.json"), json!({"devices": [{"kernels": [line]}]}).to_string()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn layers_run_on_the_kernels_that_a_file_chooses() {
    let place = Place::new();
    run(&place, &[&DEMO[..], &["--json"]].concat()).succeeded();
    let shown = run(&place, &["tune", "--show", "--json"]).succeeded().stdout;
    let mut mine: Value = serde_json::from_str(&shown).unwrap();
    let choices = mine["devices"][0]["kernels"].as_array_mut().unwrap();
    for choice in choices.iter_mut() {
        let tiled = choice["kernels"].as_array().unwrap().iter().find(|one| one["kernel"]["core"] == "tiled");
        choice["chosen"] = tiled.expect("the core that does everything")["kernel"].clone();
    }
    let count = choices.len();
    fs::write(place.path("mine.json"), mine.to_string()).unwrap();
    let bench = ["bench", "--config", "demo", "--size", "64", "--steps", "1", "--kernels", "--json"];
    let measured = done(&run(&place, &[&bench[..], &["--kernels-from", "mine.json"]].concat()).succeeded());
    assert_eq!(measured["tuned_shapes"].as_u64(), Some(count as u64));
    assert_eq!(measured["kernels_from"], "--kernels-from mine.json");
    let rows = measured["kernels"].as_array().unwrap().iter().flat_map(|one| one["rows"].as_array().unwrap());
    // Where there is a choice at all, the rules take no tiled one.
    let convolutions: Vec<&str> = rows
        .filter_map(|row| row["kernel"].as_str())
        .filter(|kernel| kernel.starts_with("conv3x3"))
        .collect();
    assert!(convolutions.contains(&"conv3x3_tiled"), "{convolutions:?}");
    let draw = ["generate", "a red circle", "--width", "64", "--height", "64", "--steps", "1", "-o", "a.png"];
    run(&place, &[&draw[..], &["--kernels-from", "mine.json"]].concat()).succeeded();
}

#[test]
fn a_file_of_kernels_that_is_of_no_use_is_refused_before_anything_is_drawn() {
    let place = Place::new();
    let serve = ["serve", "--data", "data", "--listen", "127.0.0.1:0"];
    let refused = |words: &[&str]| {
        for command in [&["generate", "a red circle"][..], &["bench", "--config", "demo"], &serve] {
            let arguments = [command, &["--kernels-from", "my.json"]].concat();
            run(&place, &arguments).failed(2, &["--kernels-from my.json"]).failed(2, words);
        }
    };
    refused(&["cannot be read"]);
    fs::write(place.path("my.json"), "{\"devices\": [{").unwrap();
    refused(&["is not JSON", "line 1 column 14", "fulmen tune --show --json"]);
    write_choice(&place, |line| line["chosen"]["core"] = "tild".into());
    refused(&["number 1 (conv3x3 64×9×32 → 32)", "`tild`", "`tiled`"]);
    write_choice(&place, |line| line["chosen"]["tile"] = "65x64".into());
    refused(&["tiled 65x64 for conv3x3 64×9×32 → 32 + bias", "does not have it; it has", "tiled 64x64"]);
    let cpu = ["generate", "a", "--device", "cpu", "--kernels-from", "my.json"];
    place.run(&cpu).failed(2, &["--kernels-from my.json is for GPUs", "--device cpu"]);
    let both = ["generate", "a", "--no-tuning", "--kernels-from", "my.json"];
    place.run(&both).failed(2, &["--no-tuning", "--kernels-from"]);
    assert_eq!(place.files().iter().filter(|name| name.ends_with(".png")).count(), 0);
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
