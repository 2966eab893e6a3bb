//! Model files that other programs write to while they are in use.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use fulmen_engine::picture::Picture;
use fulmen_engine::synth::{self, SynthGuide, SynthLayout};
use fulmen_engine::weights::Configs;

use super::large::{self, Change};
use super::started::Started;
use crate::program::Place;

/// Draws in so many steps, and does something after the first; the exit code, and what was said.
fn drawn(place: &Place, model: &Path, steps: &str, act: impl FnOnce()) -> (Option<i32>, String) {
    drawn_with(place, model, &["--steps", steps], act)
}

/// The same with further arguments.
fn drawn_with(place: &Place, model: &Path, more: &[&str], act: impl FnOnce()) -> (Option<i32>, String) {
    let mut command = place.command();
    command.args(["generate", "a cat", "--device", "cpu", "--width", "64", "--height", "64", "--json"]);
    command.args(["--seed", "7", "-o", "cat.png", "--model"]).arg(model).args(more);
    let mut child = Started::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut before = Vec::new();
    while let Some(Ok(line)) = events.next() {
        if line.contains(r#""event":"step""#) {
            act();
            break;
        }
        before.push(line);
    }
    events.for_each(drop);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), format!("{said}{before:?}"))
}

#[test]
fn a_model_that_is_written_to_ends_the_run_with_a_sentence() {
    let place = Place::new();
    let model = large::model(&place.path(""));
    let (file, kept) = (large::weights(&model), place.path("kept"));
    fs::copy(&file, &kept).unwrap();
    for change in [Change::Truncated, Change::Overwritten] {
        let (code, said) = drawn(&place, &model, "900", || large::change(&file, change));
        // A bus error would be no code at all.
        assert_eq!(code, Some(1), "{change:?}: {said}");
        let sentence = "was changed or truncated while it was in use; put the file back and try again";
        assert!(said.contains(sentence) && said.contains("diffusion_pytorch_model"), "{change:?}: {said}");
        assert!(!place.path("cat.png").exists(), "{change:?}: a picture of a damaged model");
        fs::copy(&kept, &file).unwrap();
    }
    // Renamed over it, as downloaders do: this run goes on with the old one.
    let (code, said) = drawn(&place, &model, "4", || ());
    assert_eq!(code, Some(0), "{said}");
    let undisturbed = fs::read(place.path("cat.png")).unwrap();
    fs::remove_file(place.path("cat.png")).unwrap();
    large::change(&kept, Change::Overwritten);
    let (code, said) = drawn(&place, &model, "4", || fs::rename(&kept, &file).unwrap());
    assert_eq!(code, Some(0), "{said}");
    assert!(fs::read(place.path("cat.png")).unwrap() == undisturbed, "another picture");
}

#[test]
fn a_net_that_is_written_to_ends_the_run_with_a_sentence() {
    let place = Place::new();
    let model = large::model(&place.path(""));
    let (configs, net) = (Configs::folder(&model).unwrap(), place.path("net.safetensors"));
    synth::write_guide(&configs, SynthGuide::ControlNet, &net, SynthLayout::SingleFile, &|_| Ok(())).unwrap();
    // What is smaller is read into memory.
    assert!(fs::metadata(&net).unwrap().len() > 64 << 20);
    Picture::new(8, 8, vec![9; 192]).save(&place.path("x.png"), None).unwrap();
    let control = format!("{}=x.png", net.display());
    for change in [Change::Truncated, Change::Overwritten] {
        let kept = fs::read(&net).unwrap();
        let more = ["--steps", "900", "--control", control.as_str()];
        let (code, said) = drawn_with(&place, &model, &more, || large::change(&net, change));
        assert_eq!(code, Some(1), "{change:?}: {said}");
        let sentence = "was changed or truncated while it was in use; put the file back and try again";
        assert!(said.contains(sentence) && said.contains("net.safetensors"), "{change:?}: {said}");
        fs::write(&net, kept).unwrap();
    }
}
