//! Every number in every configuration of a model, replaced by numbers that no model has: the model is
//! refused in a sentence, or a picture comes out. Nothing panics, and nothing takes the machine's memory.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::weights::{Configs, Part};
use fulmen_engine::{Engine, Error, Options, Request};
use serde_json::{Value, json};

use super::golden::beside;

/// What memory may grow by, over all cases: a tiny model and its pictures take a few megabytes.
const MOST_GROWTH: u64 = 512 << 20;

/// What is drawn at the model's own size.
const MOST_PIXELS: usize = 128 * 128;

fn extremes() -> Vec<Value> {
    let mut values = vec![json!(null), json!("4"), json!([]), json!([4, 4]), json!({}), json!(true)];
    let powers = [16, 31, 32, 53, 61, 62, 63].map(|power| 1_u64 << power);
    let whole = powers.iter().flat_map(|power| [power - 1, *power]).chain([0, 1, 3, u64::MAX]);
    values.extend(whole.map(|number| json!(number)));
    values.extend([-1e18, 0.5, 1e-300, 1e-40, 1e30, 1e39, 1e308, -1e308].map(|number| json!(number)));
    values.push(json!(-1));
    values
}

/// Where the numbers are: `/block_out_channels/2`, and the lists that hold them.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(values) => {
            found.push(at.to_owned());
            values.iter().enumerate().for_each(|(i, value)| places(value, &format!("{at}/{i}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found));
        }
        _ => {}
    }
}

/// A tiny model, with a tokenizer of letters alone: it is read in no time.
fn model() -> (tempfile::TempDir, PathBuf) {
    let keep = tempfile::tempdir().expect("a folder");
    let folder = keep.path().join("model");
    let configs = Configs::folder(&beside("fixtures/goldens/odd_sizes")).expect("configurations");
    synth::write(&configs, &folder, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    for name in ["tokenizer", "tokenizer_2"] {
        let vocab = fs::read(folder.join(name).join("vocab.json")).expect("a vocabulary");
        let vocab: serde_json::Map<String, Value> = serde_json::from_slice(&vocab).expect("a map");
        let is_letter =
            |token: &str| token.trim_end_matches("</w>").chars().count() <= 1 || token.contains("<|");
        let letters: serde_json::Map<_, _> =
            vocab.into_iter().filter(|(token, _)| is_letter(token)).collect();
        fs::write(folder.join(name).join("vocab.json"), json!(letters).to_string()).expect("written");
        fs::write(folder.join(name).join("merges.txt"), "#version: 0.2\n").expect("written");
    }
    (keep, folder)
}

/// Opens the model and draws with it.
fn draw(folder: &Path) -> Result<(), Error> {
    let options = Options { model: Some(folder.to_path_buf()), ..Options::default() };
    let mut engine = Engine::open_on(Arc::new(CpuBackend::new()), &options)?;
    let own = Request { steps: Some(1), ..Request::new("a cat") };
    let plan = engine.plan(&own)?;
    match plan.width * plan.height {
        0..=MOST_PIXELS => engine.draw(&own).map(drop),
        _ => engine.draw(&Request { width: Some(64), height: Some(64), ..own }).map(drop),
    }
}

/// The most memory that this process has held, where the system tells.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).map_or(0, |kib: u64| kib << 10)
}

fn assert_refused_or_drawn(part: Part) {
    let (_keep, folder) = model();
    draw(&folder).expect("the model as it is");
    let before = peak();
    let file = folder.join(part.config_file());
    let usual: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    let mut numbers = Vec::new();
    places(&usual, "", &mut numbers);
    let mut refused = 0;
    for place in &numbers {
        for extreme in extremes() {
            let mut config = usual.clone();
            *config.pointer_mut(place).expect("a place that was found") = extreme.clone();
            fs::write(&file, config.to_string()).expect("written");
            let end = catch_unwind(AssertUnwindSafe(|| draw(&folder)));
            let end = end.unwrap_or_else(|_| panic!("{part}{place} = {extreme} panics"));
            if let Err(error) = end {
                let said = error.to_string();
                assert!(!matches!(error, Error::Graph { .. }), "{part}{place} = {extreme}: {said}");
                assert!((20..2000).contains(&said.len()), "{part}{place} = {extreme}: {said}");
                refused += 1;
            }
        }
    }
    assert!(refused > numbers.len(), "{part}: of {} numbers only {refused} were refused", numbers.len());
    let grown = peak().saturating_sub(before);
    assert!(grown < MOST_GROWTH, "{part}: {} MiB more at the peak", grown >> 20);
}

#[test]
fn no_number_in_a_unets_configuration_is_a_panic() {
    assert_refused_or_drawn(Part::Unet);
}

#[test]
fn no_number_in_a_vaes_configuration_is_a_panic() {
    assert_refused_or_drawn(Part::Vae);
}

#[test]
fn no_number_in_a_text_encoders_configuration_is_a_panic() {
    assert_refused_or_drawn(Part::TextEncoder);
    assert_refused_or_drawn(Part::TextEncoder2);
}

#[test]
fn no_number_in_a_schedulers_configuration_is_a_panic() {
    assert_refused_or_drawn(Part::Scheduler);
}
