//! Pictures that guide, on the command line: what they change, what is said of them, and which nets are refused.

use std::fs;
use std::path::Path;

use fulmen_engine::picture::Picture;
use fulmen_engine::synth::{self, SynthGuide, SynthLayout};
use fulmen_engine::weights::Configs;
use serde_json::json;

use crate::program::{Place, Run};

/// A net for the demo model, and a picture of a bright square.
fn prepare(place: &Place, net: SynthGuide, name: &str) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("models/demo");
    let configs = Configs::folder(&demo).unwrap();
    synth::write_guide(&configs, net, &place.path(name), SynthLayout::Folder, &|_| Ok(())).unwrap();
    let is_inside = |i: usize| (20..60).contains(&(i % 96)) && (20..50).contains(&(i / 96));
    let pixels = (0..96 * 64).flat_map(|i| [if is_inside(i) { 240 } else { 10 }; 3]).collect();
    Picture::new(96, 64, pixels).save(&place.path("square.png"), None).unwrap();
}

fn draw(place: &Place, more: &[&str]) -> (Vec<u8>, Run) {
    let arguments = [&["a red circle", "--seed", "3", "-o", "x.png"], more].concat();
    let run = place.draw(&arguments).succeeded();
    (fs::read(place.path("x.png")).unwrap(), run)
}

#[test]
fn a_net_guides_the_picture_and_is_told_in_the_plan_and_in_the_file() {
    let place = Place::new();
    prepare(&place, SynthGuide::ControlNetSmall, "net=small");
    let plain = draw(&place, &["--png-text", "none"]).0;
    let silent = draw(&place, &["--png-text", "none", "--control", "net=small=square.png=0"]).0;
    assert!(plain == silent, "a scale of 0 has an effect");
    let (guided, said) =
        draw(&place, &["--json", "--control", "net=small=canny:square.png=0.5", "--control-end", "0.8"]);
    assert!(guided != plain);
    let text = String::from_utf8_lossy(&guided).into_owned();
    let record = "ControlNet 0: \"Module: canny, Model: net=small, Weight: 0.5, Guidance Start: 0, Guidance End: 0.8\"";
    assert!(text.contains(record), "{text:.600}");
    let plan = said.events().into_iter().find(|event| event["event"] == "plan").unwrap();
    let told = json!([{
        "path": "net=small", "preprocessor": "canny", "scale": 0.5, "start": 0.0, "end": 0.8, "guess": false
    }]);
    assert_eq!(plan["controls"], told);
    let plan =
        draw(&place, &["--json"]).1.events().into_iter().find(|event| event["event"] == "plan").unwrap();
    assert!(plan.get("controls").is_none());
}

#[test]
fn what_cannot_guide_is_refused_with_what_to_do() {
    let place = Place::new();
    prepare(&place, SynthGuide::ControlNetUnion, "union");
    let refused = |more: &[&str], code: i32, said: &[&str]| {
        let arguments = [&["a red circle", "-o", "x.png"], more].concat();
        place.draw(&arguments).failed(code, said);
    };
    refused(&["--control", "union"], 2, &["it needs a net and a picture: NET=IMAGE"]);
    refused(&["--control", "union=square.png"], 2, &["several kinds of pictures", "canny@edges.png"]);
    refused(&["--control", "union=repaint@square.png"], 2, &["6 kinds", "`repaint`"]);
    refused(&["--control", "union=nowhere.png"], 1, &["nowhere.png"]);
    refused(&["--control", "union=canny:union/config.json"], 1, &["config.json", "PNG, JPEG or WebP"]);
    refused(&["--control", "nowhere=square.png"], 1, &["nowhere"]);
    let twice = ["--control", "union=canny:square.png", "--control-end", "0.5", "--control-end", "0.6"];
    refused(&twice, 2, &["--control was given 1 times and its start or end 2 times"]);
    refused(
        &["--control", "union=canny:square.png", "--control-end", "0"],
        2,
        &["--control-start 0 is not before"],
    );
    place.run(&["generate", "x", "--model", "union"]).failed(1, &["one part of a model"]);
    let run = draw(&place, &["--control-guess"]).1;
    assert!(run.stderr.contains("have no effect without --control"), "{}", run.stderr);
}

#[test]
fn inspect_tells_a_net_and_whether_it_fits() {
    let place = Place::new();
    prepare(&place, SynthGuide::ControlNetUnion, "union");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("models/demo");
    let demo = demo.to_str().unwrap();
    let run = place.run(&["models", "inspect", "union", "--model", demo]).succeeded();
    assert!(run.stdout.starts_with("ControlNet-Union, full size, for 6 kinds of pictures"), "{}", run.stdout);
    assert!(run.stdout.contains("it fits") && run.stdout.contains("--control"), "{}", run.stdout);
    place
        .run(&["models", "inspect", "union"])
        .failed(1, &["union: does not fit SDXL base", "the model's UNet has"]);
}
