//! A request, in types.

use super::fields::IMAGINE;
use super::over::Over;
use crate::api::picture::{png_text, seed};
use crate::app::App;
use crate::config::Work;
use crate::fields::Values;
use crate::jobs::{Members, ModelInfo, Spec, check};
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
        let model = &model.unwrap_or(app.models.first()).info;
        let mut warnings = values.warnings(&[&model.name]);
        let spec = planned(&values, model, over.as_ref(), &mut warnings);
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
    check(most, spec, &Members { width: "image", height: "image", ..MEMBERS })
}

/// What is drawn.
fn planned(values: &Values, model: &ModelInfo, over: Option<&Over>, warnings: &mut Vec<Warning>) -> Spec {
    let asked = ["width", "height"].map(|name| values.integer(name).map(|side| side as usize));
    let drawn = match over {
        Some(over) => over.size(asked),
        None => asked.map(|side| side.unwrap_or(SIDE)),
    };
    let steps = values.integer("steps").map(|steps| steps as usize);
    let finished = over.and_then(Over::whole).unwrap_or(drawn);
    Spec {
        model: Some(model.name.clone()),
        width: finished[0],
        height: finished[1],
        drawn: Some(drawn).filter(|drawn| *drawn != finished),
        init: over.map(|over| over.spec(values, steps.unwrap_or(model.steps))),
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
        guidance: values.number("guidance_scale").map(|guidance| guidance as f32),
        nag_scale: values.number("nag_scale").map(|scale| scale as f32),
        nag_tau: values.number("nag_tau").map(|tau| tau as f32),
        nag_alpha: values.number("nag_alpha").map(|alpha| alpha as f32),
        sampler: values.text("sampler").map(Into::into),
        sigmas: values.text("sigmas").map(Into::into),
        eta: values.number("eta").map(|eta| eta as f32),
        spacing: values.text("spacing").map(Into::into),
        prediction: values.text("prediction").map(Into::into),
        prompt_syntax: values.text("prompt_syntax").map(Into::into),
        long_prompts: values.text("long_prompts").map(Into::into),
        png_text: png_text(values),
        ..Spec::default()
    }
}
