//! Any metadata that a file may carry.

use proptest::prelude::*;

use super::*;

/// Names that are read, or begin like those.
const NAMES: [&str; 14] = [
    "modelspec.title",
    "modelspec.tags",
    "modelspec.usage_hint",
    "modelspec.description",
    "modelspec.prediction_type",
    "modelspec.merged_from",
    "title",
    "name",
    "v_pred",
    "zsnr",
    "ss_v_parameterization",
    "ot_config",
    "prompt",
    "lora_adapter_metadata",
];

/// Words that mean something there, pieces of JSON, and what means nothing anywhere.
const PIECES: [&str; 26] = [
    "lightning",
    "turbo",
    "LCM",
    "sdxl-flash",
    "8",
    "0",
    "99999999999999999999",
    " ",
    "step",
    "-",
    "_",
    "CFG",
    "not",
    "v_prediction",
    "true",
    "null",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\ud800",
    "\u{0}\u{1b}[2J",
    "\u{1f600}é",
];

fn text() -> impl Strategy<Value = String> {
    let pieces =
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat());
    // A graph and a trainer's settings that are JSON, with anything in them.
    let json = |text: String| serde_json::Value::from(text).to_string();
    pieces.prop_flat_map(move |text| {
        prop::sample::select(vec![
            format!(r#"{{"1": {{"class_type": "x", "inputs": {{"ckpt_name": {}}}}}}}"#, json(text.clone())),
            format!(r#"{{"force_v_prediction": {}}}"#, json(text.clone())),
            text,
        ])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_metadata_is_read_and_leaves_settings_that_can_be_drawn(
        texts in prop::collection::vec((prop::sample::select(&NAMES[..]), text()), 0..12),
    ) {
        let length: usize = texts.iter().map(|(name, text)| name.len() + text.len()).sum();
        let about = texts.iter().fold(About::default(), |about, (name, text)| about.saying(name, text));
        // Escaped as it is here, each character may take ten.
        let kept = format!("{about:?}").len();
        prop_assert!(kept <= 10 * length + 100, "{} of {}", kept, length);
        let clues = Clues { about, ..file("model.safetensors") };
        let settings = Settings::choose(&clues, &Request::default(), &Request::default()).unwrap();
        prop_assert!((1..=1000).contains(&settings.steps) && (1.0..=30.0).contains(&settings.guidance));
        prop_assert!(!settings.line().contains(char::is_control), "{:?}", settings.line());
    }
}
