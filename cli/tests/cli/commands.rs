//! The commands beside `generate`.

use std::fs;

use crate::program::{Place, Run, repository};

#[test]
fn devices_lists_the_processor_and_says_what_auto_takes() {
    let place = Place::new();
    let list = place.run(&["devices"]).succeeded().stdout;
    assert!(list.contains("cpu ") && list.contains("auto   takes "), "{list}");
    let run = place.run(&["devices", "--json"]).succeeded();
    let devices = run.events().remove(0);
    assert!(devices["cpu"]["threads"].as_u64() > Some(0), "{devices}");
    let auto = devices["auto"].as_str().unwrap();
    assert!(auto == "cpu" || auto.starts_with("gpu:"), "{auto}");
}

#[test]
fn the_cpu_backend_passes_its_selftest() {
    let place = Place::new();
    let report = place.run(&["selftest", "--device", "cpu"]).succeeded().stdout;
    for word in ["fulmen ", "kernel", "conv3x3", "attention", "demo model in f16", "computes correctly"] {
        assert!(report.contains(word), "no `{word}` in: {report}");
    }
}

#[test]
fn a_synthetic_model_is_whole_and_draws() {
    let place = Place::new();
    let configs = repository("tests/fixtures/goldens/sdxl_like");
    let configs = configs.to_str().unwrap();
    place.run(&["models", "synth", "--config", configs, "--out", "model"]).succeeded();
    let about = place.run(&["models", "inspect", "model"]).succeeded().stdout;
    assert!(about.contains("diffusers folder") && about.contains("unet"), "{about}");
    place
        .run(&["generate", "a cat", "--device", "cpu", "--model", "model", "--steps", "1", "-o", "cat.png"])
        .succeeded();
    assert_eq!(place.files(), ["cat.png", "model"]);
}

#[test]
fn a_synthetic_model_replaces_another_only_by_force() {
    let place = Place::new();
    let configs = repository("tests/fixtures/goldens/sdxl_like");
    let synth = [
        "models",
        "synth",
        "--config",
        configs.to_str().unwrap(),
        "--out",
        "model.safetensors",
        "--single-file",
    ];
    place.run(&synth).succeeded();
    let first = fs::read(place.path("model.safetensors")).unwrap();
    place.run(&synth).failed(2, &["model.safetensors is there already", "--force"]);
    place.run(&[&synth[..], &["--force"]].concat()).succeeded();
    assert!(fs::read(place.path("model.safetensors")).unwrap() == first, "the same names, other weights");
    fs::create_dir(place.path("photos")).unwrap();
    let into = ["models", "synth", "--config", "sdxl", "--out", "photos", "--force"];
    place.run(&into).failed(2, &["photos", "not replaced"]);
    assert_eq!(place.files(), ["model.safetensors", "photos"]);
}

#[test]
fn a_configuration_that_is_no_model_is_refused() {
    let place = Place::new();
    place.run(&["models", "synth", "--config", "nowhere", "--out", "model"]).failed(1, &["nowhere"]);
    assert!(place.files().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn no_more_threads_are_started_than_make_sense() {
    use std::io::{BufRead, BufReader};

    let place = Place::new();
    let mut command = place.command();
    command.args(["generate", "a cat", "--json", "--device", "cpu", "--steps", "1000", "-o", "cat.png"]);
    command.env("RAYON_NUM_THREADS", "5000").stdout(std::process::Stdio::piped());
    let mut child = crate::started::Started::new(command.stderr(std::process::Stdio::null()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"step\"")), "no step was made");
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().count();
    let processors = std::thread::available_parallelism().unwrap().get();
    assert!(threads <= processors + 4, "{threads} threads on {processors} processors");
}

#[cfg(target_os = "linux")]
#[test]
fn a_model_is_looked_through_on_no_more_threads_than_make_sense() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["models", "inspect"]).arg(repository("models/demo")).env("RAYON_NUM_THREADS", "60000");
    let start = std::time::Instant::now();
    Run::of(command.output().unwrap()).succeeded();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
