//! What a file's metadata says about how to draw its model: titles, tags, recipes of merges, trainers' settings.

use super::kinds::Found;
use super::names::Words;
use crate::schedule::Prediction;
use crate::weights::About;

/// What a maker calls a model, strongest first.
const TITLES: [&str; 9] = [
    "modelspec.title",
    "title",
    "name",
    "ss_output_name",
    "modelspec.architecture",
    "modelspec.tags",
    "ss_base_model_version",
    "ss_sd_model_name",
    "ss_base_model",
];

/// What it was made from. `prompt` is ComfyUI's, with the names of the models in its graph.
const RECIPES: [&str; 4] = ["modelspec.merged_from", "sd_merge_recipe", "sd_merge_models", "prompt"];

const HINT: &str = "modelspec.usage_hint";
const DESCRIPTION: &str = "modelspec.description";

/// The kind of a model by the file's words, and under which name they are.
pub(super) fn kind(about: &About) -> Option<(&'static str, Found)> {
    let of = |names: &[&'static str], find: fn(&Words) -> Option<Found>| {
        names.iter().find_map(|name| Some((*name, find(&Words::of(about.text(name)?))?)))
    };
    of(&TITLES, Found::of)
        .or_else(|| of(&[HINT], Found::surely))
        .or_else(|| of(&RECIPES, Found::even_of_lora))
}

/// The same of a LoRA's file, whose titles are those of a LoRA.
pub(super) fn kind_of_lora(about: &About) -> Option<(&'static str, Found)> {
    TITLES.iter().find_map(|name| Some((*name, Found::even_of_lora(&Words::of(about.text(name)?))?)))
}

/// The same by a description. Sentences mention other models and the weather: it has to state the steps as well.
pub(super) fn described(about: &About) -> Option<(&'static str, Found)> {
    let found = Found::surely(&Words::of(about.text(DESCRIPTION)?))?;
    found.stated.then_some((DESCRIPTION, found))
}

/// What the file says that its UNet predicts, and where.
pub(super) fn prediction(about: &About) -> Option<(Prediction, String)> {
    let velocity = |by: String| (Prediction::Velocity, by);
    if about.has("v_pred") {
        return Some(velocity("the mark `v_pred`".into()));
    }
    let said = |name: &str| {
        let prediction = match about.text(name)?.trim().to_ascii_lowercase().as_str() {
            "v" | "v_prediction" | "v-prediction" | "v_pred" | "vpred" | "velocity" => Prediction::Velocity,
            "epsilon" | "eps" => Prediction::Epsilon,
            "sample" | "x0" => Prediction::Sample,
            _ => return None,
        };
        Some((prediction, format!("`{name}`")))
    };
    let names = ["modelspec.prediction_type", "modelspec.predict_key", "prediction_type"];
    true_one(about, &["ss_v_parameterization", "ot_config.force_v_prediction"])
        .or_else(|| there(about, &["v_pred"]))
        .map(velocity)
        .or_else(|| names.into_iter().find_map(said))
}

/// Where the file says that the noisiest level is noise alone.
pub(super) fn zero_snr(about: &About) -> Option<String> {
    let trained = ["ss_zero_terminal_snr", "ot_config.rescale_noise_scheduler_to_zero_terminal_snr"];
    let mark = about.has("ztsnr").then(|| "the mark `ztsnr`".to_owned());
    let by = mark.or_else(|| true_one(about, &trained)).or_else(|| there(about, &["ztsnr", "zsnr"]))?;
    Some(format!("{by} in the file"))
}

/// The first of these names whose text is true.
fn true_one(about: &About, names: &[&str]) -> Option<String> {
    // `True`, as Python writes it.
    let is_true = |text: &str| text.eq_ignore_ascii_case("true") || text == "1";
    let name = names.iter().find(|name| about.text(name).is_some_and(is_true))?;
    Some(format!("`{name}`"))
}

/// The first of these names that is present, which is enough, unless its value denies it.
fn there(about: &About, names: &[&str]) -> Option<String> {
    let denies =
        |text: &str| ["false", "0", "no", "none", "null"].contains(&&*text.trim().to_ascii_lowercase());
    let name = names.iter().find(|name| about.text(name).is_some_and(|text| !denies(text)))?;
    Some(format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::SchedulerConfig;
    use crate::settings::tests::marked;

    #[test]
    fn tags_hints_and_graphs_are_read_and_descriptions_only_where_they_are_sure() {
        let graph = r#"{"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl_lightning_8step.safetensors"}}}"#;
        for (name, text) in [
            ("modelspec.tags", "photo, lightning, 8 steps"),
            ("modelspec.usage_hint", "4-8 steps, CFG 1"),
            ("title", "RealVis Lightning 8step"),
            ("name", "realvis_turbo_8step"),
            ("prompt", graph),
            ("modelspec.description", "A fast Lightning model for 8 steps."),
        ] {
            let settings = marked(About::default().saying(name, text));
            assert_eq!((settings.steps, settings.distilled), (8, true), "{name}");
            assert!(settings.line().contains(&format!("by `{name}` in the file")), "{}", settings.line());
        }
        for (name, text) in [
            ("modelspec.description", "Draws Lightning over the sea."),
            ("modelspec.description", "This is not Lightning; use 8 steps"),
            ("modelspec.usage_hint", "30 steps"),
            ("prompt", "a lightning 8step"),
        ] {
            assert!(!marked(About::default().saying(name, text)).distilled, "{name}: {text}");
        }
        let trained = r#"{"force_v_prediction": true, "rescale_noise_scheduler_to_zero_terminal_snr": true}"#;
        let keys = About::default().saying("v_pred", "").saying("zsnr", "true");
        for about in [About::default().saying("ot_config", trained), keys] {
            let scheduler = marked(about).scheduler;
            assert_eq!((scheduler.prediction, scheduler.zero_terminal_snr), (Prediction::Velocity, true));
        }
        assert_eq!(marked(About::default().saying("v_pred", "False")).scheduler, SchedulerConfig::sdxl());
    }
}
