//! A request, in types.

use std::cell::LazyCell;

use fulmen_engine::request::SecondPass;
use serde_json::Value;

use super::fields::IMAGINE;
use super::over::Over;
use crate::api::inputs::at_least_a_step;
use crate::api::loras::bounded;
use crate::api::picture::{sampling, seed};
use crate::app::App;
use crate::config::Work;
use crate::fields::{Pass, Values, shown};
use crate::jobs::{Axis, Known, Members, ModelInfo, Spec, check};
use crate::problem::Problem;
use crate::route::Call;
use crate::warning::Warning;

/// The documented size of every image.
const SIDE: usize = 1024;

const MEMBERS: Members = Members { width: "width", height: "height", images: None, steps: "steps" };

/// Members that mean nothing without another, and what that would be for.
const NEEDS: &[(&str, &str, &str)] = &[
    ("strength", "image", "the picture to draw over"),
    ("fit", "image", "the picture to draw over"),
    ("mask", "image", "of which it shows a part"),
    ("mask_blur", "image", "of which a part is drawn"),
    ("outpaint", "image", "which it extends"),
    ("only_masked", "mask", "which says what is drawn"),
    ("hires_strength", "hires", "which says how large the second pass is"),
];

/// A request.
pub(super) struct Asked {
    pub(super) name: String,
    /// Previews that are sent, where events are answered.
    pub(super) previews: usize,
    /// But for the ids of the pictures that it is drawn over.
    pub(super) spec: Spec,
    pub(super) over: Option<Over>,
    /// What the caller should know.
    pub(super) warnings: Vec<Warning>,
}

impl Asked {
    /// Reads and checks a request, and looks through its pictures.
    ///
    /// # Errors
    /// 400 that names the member to change; what reading its body and its pictures may end with.
    pub(super) fn of(app: &App, call: &Call) -> Result<Self, Problem> {
        let mut values = Values::of(&call.request, IMAGINE)?;
        check_needs(&values)?;
        let over = Over::of(app, call, &mut values)?;
        let model = values.text("model").and_then(|name| app.models.named(name));
        let Known { info: model, foresight } = model.unwrap_or(app.models.first());
        let mut warnings = values.warnings(&[&model.name]);
        let loras = loras(&values, || foresight.lora_names())?;
        let spec = Spec { loras, ..planned(&values, model, over.as_ref(), &mut warnings) };
        check_work(&app.config.work, &spec)?;
        let previews = values.integer("previews").unwrap_or(0) as usize;
        if previews > 0 && !call.request.wants_events() {
            let message = "`previews` has no effect without `Accept: text/event-stream`";
            warnings.push(Warning::no_effect("previews", message));
        }
        let name = values.text("name").unwrap_or_default().to_owned();
        Ok(Self { name, previews, spec, over, warnings })
    }
}

/// An error where a member that needs another was sent without that.
fn check_needs(values: &Values) -> Result<(), Problem> {
    let is_alone = |(name, other, _): &&(&str, &str, &str)| values.is_unusual(name) && !values.has(other);
    match NEEDS.iter().find(is_alone) {
        None => Ok(()),
        Some((name, other, why)) => Err(Problem::field(
            *name,
            format!("`{name}` needs `{other}`, too, {why}; send it, or leave out `{name}`"),
        )),
    }
}

/// Whether it is too much work, by what makes it so.
fn check_work(most: &Work, spec: &Spec) -> Result<(), Problem> {
    let [width, height] = spec.drawn.unwrap_or([spec.width, spec.height]);
    check(most, &Spec { width, height, ..spec.clone() }, &MEMBERS)?;
    let larger = match (spec.upscale, spec.pass) {
        (Some(_), _) => "upscale",
        (None, Some(_)) => "hires",
        (None, None) => "image",
    };
    check(most, spec, &Members { width: larger, height: larger, ..MEMBERS })
}

/// What is drawn.
fn planned(values: &Values, model: &ModelInfo, over: Option<&Over>, warnings: &mut Vec<Warning>) -> Spec {
    let asked = ["width", "height"].map(|name| values.integer(name).map(|side| side as usize));
    let drawn = match over {
        Some(over) => over.size(asked),
        None => asked.map(|side| side.unwrap_or(SIDE)),
    };
    let steps = values.integer("steps").map(|steps| steps as usize);
    let steps_of = steps.unwrap_or(model.steps);
    let pass = values.number("hires").map(|ratio| {
        let strength = values.number("hires_strength").unwrap_or(SecondPass::USUAL_STRENGTH);
        Pass { ratio, strength: at_least_a_step(strength, steps_of) }
    });
    let upscale = values.number("upscale").filter(|ratio| *ratio > 1.0);
    let ratio = pass.map_or(1.0, |pass| pass.ratio);
    let passed = drawn.map(|side| (side as f64 * ratio / 8.0).round() as usize * 8);
    // Of a picture of which a region is drawn, as the engine counts it.
    let own = over.and_then(Over::whole).filter(|own| *own != drawn);
    let whole = own.map_or(passed, |own| own.map(|side| (side as f64 * ratio).round() as usize));
    let finished = whole.map(|side| (side as f64 * upscale.unwrap_or(1.0)).round() as usize);
    Spec {
        model: Some(model.name.clone()),
        width: finished[0],
        height: finished[1],
        drawn: Some(drawn).filter(|drawn| *drawn != finished),
        pass,
        upscale,
        init: over.map(|over| over.spec(values, steps_of)),
        seed: seed(values, warnings),
        steps,
        ..settings(values)
    }
}

/// What members say by themselves.
fn settings(values: &Values) -> Spec {
    Spec {
        prompt: values.text("prompt").unwrap_or_default().to_owned(),
        negative_prompt: values.text("negative_prompt").map(Into::into),
        images: 1,
        tiling: values.value("tile").is_some_and(|tile| *tile != false),
        tiling_axis: match values.text("tile") {
            Some("x") => Some(Axis::X),
            Some("y") => Some(Axis::Y),
            _ => None,
        },
        transparent: values.flag("transparent").unwrap_or(false),
        ..sampling(values)
    }
}

/// The LoRAs that are asked for, with their weights.
///
/// # Errors
/// 400 that names one that is not there, or the list if it is too long.
fn loras(values: &Values, names: impl FnOnce() -> Vec<String>) -> Result<Vec<(String, f32)>, Problem> {
    let names = LazyCell::new(names);
    let list = values.value("loras").and_then(Value::as_array);
    bounded("loras", list.map_or(0, Vec::len))?;
    list.into_iter()
        .flatten()
        .enumerate()
        .map(|(at, lora)| {
            let name = lora["name"].as_str().unwrap_or_default();
            if !names.iter().any(|known| known == name) {
                return Err(unknown(at, &lora["name"], &names));
            }
            Ok((name.to_owned(), lora["weight"].as_f64().unwrap_or(1.0) as f32))
        })
        .collect()
}

fn unknown(at: usize, name: &Value, names: &[String]) -> Problem {
    let what = match names {
        [] => "this server has none; start it with --lora-dir DIR, a folder with LoRAs for its model",
        _ => "GET /elements lists those of this server",
    };
    let (field, name) = (format!("loras[{at}].name"), shown(name));
    Problem::field(field.as_str(), format!("`{field}`: there is no LoRA {name}; {what}"))
}
