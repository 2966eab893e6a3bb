//! Larger pictures: `fulmen upscale`, `--upscale`, and what is said of upscalers.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::program::{Place, repository};

fn network() -> PathBuf {
    repository("tests/fixtures/upscalers/srvgg.pth")
}

fn place_with_picture() -> Place {
    let place = Place::new();
    fs::copy(repository("tests/fixtures/upscalers/corner.png"), place.path("fox.png")).unwrap();
    place
}

/// Width and height of a PNG.
fn size(file: &Path) -> [u32; 2] {
    let bytes = fs::read(file).unwrap();
    [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()))
}

#[test]
fn a_picture_is_enlarged_into_a_file_of_its_own() {
    let place = place_with_picture();
    let run = place.run(&["upscale", "fox.png", "--device", "cpu"]).succeeded();
    assert!(run.stdout.contains("fox-46x38.png: 46×38"), "{}", run.stdout);
    assert_eq!(size(&place.path("fox-46x38.png")), [46, 38]);
    place.run(&["upscale", "fox.png", "--device", "cpu"]).succeeded();
    assert_eq!(place.files(), ["fox-46x38-2.png", "fox-46x38.png", "fox.png"]);
    let network = network();
    let with = ["upscale", "fox.png", "--device", "cpu", "--with", network.to_str().unwrap()];
    let run = place.run(&[&with[..], &["--by", "3", "-o", "large.png", "--json"]].concat()).succeeded();
    let done = run.last_event("done");
    assert_eq!(
        (&done["path"], &done["width"], &done["height"]),
        (&json!("large.png"), &json!(69), &json!(57))
    );
    assert_eq!(size(&place.path("large.png")), [69, 57]);
    let tiles = run.events().into_iter().filter(|event| event["event"] == "tile").count();
    assert_eq!(tiles, 2, "the network of factor 2 runs twice for a ratio of 3");
    assert!(done["predicted_bytes"].as_u64() > Some(0));
}

#[test]
fn what_cannot_be_enlarged_is_told() {
    let place = place_with_picture();
    fs::write(place.path("text.png"), "no picture, but some words in a file").unwrap();
    fs::copy(place.path("fox.png"), place.path("fox.pth")).unwrap();
    place.run(&["upscale", "text.png"]).failed(1, &["text.png"]);
    place.run(&["upscale", "nothing.png"]).failed(1, &["nothing.png"]);
    place.run(&["upscale", "fox.png", "--with", "fox.pth"]).failed(1, &["fox.pth", "is a picture"]);
    place
        .run(&["upscale", "fox.png", "--by", "99"])
        .failed(2, &["fulmen: --by 99 is not possible; use 1 to 16"]);
    place.run(&["upscale", "fox.png", "-o", "fox.tiff"]).failed(2, &["fox.tiff"]);
    place.run(&["upscale", "fox.png", "-o", "-", "--json"]).failed(2, &["--json"]);
    assert_eq!(place.files(), ["fox.png", "fox.pth", "text.png"]);
}

#[test]
fn a_drawn_picture_is_enlarged_and_says_so() {
    let place = Place::new();
    let network = network();
    let upscale = ["a red circle", "--seed", "1", "--upscale", network.to_str().unwrap(), "-o", "large.png"];
    let run = place.draw(&[&upscale[..], &["--json"]].concat()).succeeded();
    assert_eq!(size(&place.path("large.png")), [128, 128]);
    assert!(run.last_event("done")["seconds"]["upscale"].as_f64() > Some(0.0));
    let text = fs::read(place.path("large.png")).unwrap();
    let text = String::from_utf8_lossy(&text[..2000.min(text.len())]).into_owned();
    assert!(text.contains("Size: 64x64"), "{text}");
    assert!(text.contains("Postprocess upscale by: 2, Postprocess upscaler: srvgg"), "{text}");
}

#[test]
fn an_enlarged_picture_keeps_its_settings_and_says_that_it_was_enlarged() {
    let place = Place::new();
    place.draw(&["a red fox, круг", "--seed", "7", "-o", "fox.png"]).succeeded();
    let told = |file: &str| fulmen_engine::picture::settings(&fs::read(place.path(file)).unwrap().into());
    let upscale = |from: &str, to: &str, by: &str| {
        place.run(&["upscale", from, "--by", by, "-o", to, "--device", "cpu"]).succeeded();
        told(to).expect("settings")
    };
    let first = told("fox.png").expect("settings");
    for to in ["large.png", "large.webp", "large.jpg"] {
        assert_eq!(upscale("fox.png", to, "2"), first.clone().enlarged(2.0, "Lanczos"), "{to}");
        assert_eq!(upscale(to, "larger.png", "1.5"), first.clone().enlarged(3.0, "Lanczos"), "{to}");
    }
    assert_eq!(told("large.png").expect("settings").width, 64, "the size in which it was drawn");
    let without = place_with_picture();
    without.run(&["upscale", "fox.png", "-o", "large.png", "--device", "cpu"]).succeeded();
    assert!(fulmen_engine::picture::settings(&fs::read(without.path("large.png")).unwrap().into()).is_none());
}

#[test]
fn a_picture_is_drawn_in_two_passes() {
    let place = Place::new();
    let size_of_first = ["generate", "--device", "cpu", "--width", "64", "--height", "64", "--steps", "4"];
    let hires = ["a red circle", "--seed", "1", "--hires", "1.5", "-o", "hires.png"];
    let run = place.run(&[&size_of_first[..], &hires[..]].concat()).succeeded();
    assert!(run.stderr.contains("step 6/6"), "{}", run.stderr);
    assert_eq!(size(&place.path("hires.png")), [96, 96]);
    place.draw(&["a red circle", "--hires", "9"]).failed(2, &["--hires 9 is not possible"]).at_once();
    place.draw(&["a red circle", "--hires-strength", "0.3"]).failed(2, &["--hires"]).at_once();
}

#[test]
fn an_upscaler_is_inspected_and_is_no_model() {
    let place = Place::new();
    let network = network();
    let network = network.to_str().unwrap();
    let run = place.run(&["models", "inspect", network]).succeeded();
    assert!(run.stdout.starts_with("upscaler (SRVGG), enlarges 2 times"), "{}", run.stdout);
    let run = place.run(&["models", "inspect", network, "--json"]).succeeded();
    assert_eq!((&run.events()[0]["kind"], &run.events()[0]["scale"]), (&json!("SRVGG"), &json!(2)));
    let file = repository("tests/fixtures/upscalers/rrdb.safetensors");
    place
        .draw(&["a red circle", "--model", file.to_str().unwrap()])
        .failed(1, &["is an upscaler", "--upscale"]);
}
