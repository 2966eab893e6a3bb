//! Pictures that guide a picture: those that count as part of its prompt, and those that a net reads.

use serde_json::Value;

use crate::app::App;
use crate::fields::Values;
use crate::jobs::{ControlSpec, ImagePromptSpec, ModelInfo};
use crate::problem::Problem;
use crate::route::Call;
use crate::warning::Warning;

/// How much pictures count as prompts where nothing is said.
const USUAL_WEIGHT: f64 = 0.5;

/// The largest weight of a net.
const MOST_WEIGHT: f64 = 2.0;

/// What a `preprocessorId` means for SDXL: maps for nets, and references. The document does not give the numbers;
/// these are as clients of the service use them.
const MAPS: [(f64, &str); 3] = [(19.0, "canny"), (20.0, "depth"), (21.0, "pose")];
const REFERENCES: [f64; 3] = [67.0, 100.0, 133.0];

/// What a `strengthType` weighs: the middle of what the service calls so.
const STRENGTHS: [(&str, f64); 5] = [("Low", 0.2), ("Mid", 0.6), ("High", 1.0), ("Ultra", 1.4), ("Max", 1.8)];

/// What guides a picture.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Guides {
    pub(super) image_prompt: Option<ImagePromptSpec>,
    pub(super) controls: Vec<ControlSpec>,
}

/// What one of `controlnets` is.
enum Guide {
    /// A picture that a net reads.
    Map(ControlSpec),
    /// One that counts as part of the prompt.
    Reference { picture: String, scale: f64 },
}

/// Who asks for it, and of which model.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) app: &'a App,
    pub(super) call: &'a Call,
    pub(super) values: &'a Values,
    pub(super) model: &'a ModelInfo,
}

impl Asking<'_> {
    /// What `imagePrompts`, `controlnets`, `controlNet` and their weights ask for; the pictures are the caller's own.
    ///
    /// # Errors
    /// 400 where there is no such picture, or the server was started without the network.
    pub(super) fn guides(self, warnings: &mut Vec<Warning>) -> Result<Guides, Problem> {
        if self.list("imagePrompts").any(|(_, id)| id.is_string()) {
            self.check_adapter("imagePrompts")?;
        }
        let (mut pictures, mut weights) = (vec![], vec![]);
        for (at, id) in self.list("imagePrompts") {
            if let Some(id) = id.as_str() {
                pictures.push(self.own(&format!("imagePrompts[{at}]"), id)?);
            }
        }
        let mut controls: Vec<ControlSpec> = self.deprecated()?.into_iter().collect();
        for (at, one) in self.list("controlnets") {
            match self.guide(at, one)? {
                Guide::Map(control) => controls.push(control),
                Guide::Reference { picture, scale } => {
                    pictures.push(picture);
                    weights.push(scale);
                }
            }
        }
        if pictures.is_empty() && self.values.has("imagePromptWeight") {
            let message = "`imagePromptWeight` has no effect without `imagePrompts`";
            warnings.push(Warning::no_effect("imagePromptWeight", message));
        }
        let usual = weights.into_iter().reduce(f64::max).unwrap_or(USUAL_WEIGHT);
        let scale = self.values.number("imagePromptWeight").unwrap_or(usual) as f32;
        let image_prompt = (!pictures.is_empty()).then_some(ImagePromptSpec { pictures, scale });
        Ok(Guides { image_prompt, controls })
    }

    /// One of `controlnets`. What the server lacks is told before who has no picture.
    fn guide(self, at: usize, one: &Value) -> Result<Guide, Problem> {
        let field = |name: &str| format!("controlnets[{at}].{name}");
        let number = one["preprocessorId"].as_f64();
        let is_reference = number.is_some_and(|number| REFERENCES.contains(&number));
        let kind = MAPS.iter().find(|(known, _)| Some(*known) == number).map(|(_, kind)| *kind);
        match kind {
            _ if is_reference => self.check_adapter(&field("preprocessorId"))?,
            Some(kind) => self.check_net(&field("preprocessorId"), kind)?,
            None => return Err(unknown_number(&field("preprocessorId"), number)),
        }
        let picture = self.own(&field("initImageId"), one["initImageId"].as_str().unwrap_or_default())?;
        let scale = weight(one, &field)?;
        Ok(match kind {
            Some(kind) => Guide::Map(ControlSpec { kind: kind.into(), picture, scale: scale as f32 }),
            None => Guide::Reference { picture, scale: scale * USUAL_WEIGHT },
        })
    }

    fn list(&self, name: &str) -> impl Iterator<Item = (usize, &Value)> {
        self.values.value(name).and_then(Value::as_array).into_iter().flatten().enumerate()
    }

    /// What `controlNet` asks for, with `controlNetType`, `weighting`, and the picture that it begins with otherwise.
    fn deprecated(self) -> Result<Option<ControlSpec>, Problem> {
        let values = self.values;
        if values.flag("controlNet") != Some(true) {
            return Ok(None);
        }
        let Some(kind) = values.text("controlNetType").map(str::to_ascii_lowercase) else {
            return Err(Problem::field(
                "controlNet",
                "`controlNet` needs `controlNetType`: POSE, CANNY or DEPTH",
            ));
        };
        let id = |name| values.text(name).filter(|id| !id.is_empty()).map(|id| (name, id));
        let Some((field, id)) = id("init_image_id").or_else(|| id("init_generation_image_id")) else {
            let message = "`controlNet` needs a picture: `init_image_id` or `init_generation_image_id`";
            return Err(Problem::field("controlNet", message));
        };
        self.check_net("controlNetType", &kind)?;
        let scale = values.number("weighting").unwrap_or(1.0);
        Ok(Some(ControlSpec { kind, picture: self.own(field, id)?, scale: scale as f32 }))
    }

    /// Whether the server was started with what reads pictures as prompts.
    fn check_adapter(self, field: &str) -> Result<(), Problem> {
        if self.model.nets.ip_adapter.is_some() {
            return Ok(());
        }
        let flags = "--ip-adapter FILE --image-encoder PATH";
        Err(missing(field, "an IP-Adapter, which reads pictures as prompts", flags))
    }

    /// Whether the server was started with a net of this kind.
    fn check_net(self, field: &str, kind: &str) -> Result<(), Problem> {
        if self.model.nets.controls.contains_key(kind) {
            return Ok(());
        }
        Err(missing(field, &format!("a net for maps of the kind {kind}"), &format!("--control {kind}=FILE")))
    }

    /// The store's id of a picture of the caller's.
    fn own(self, field: &str, id: &str) -> Result<String, Problem> {
        match self.app.store.owned(&self.call.owner, id) {
            Ok(image) => Ok(image.id),
            Err(problem) if problem.status == 404 => {
                let message = format!("`{field}`: there is no picture of yours with this id");
                Err(Problem::field(field, message))
            }
            Err(problem) => Err(problem),
        }
    }
}

/// How strongly a net guides.
fn weight(control: &Value, field: &impl Fn(&str) -> String) -> Result<f64, Problem> {
    let of_word = |word: &str| STRENGTHS.iter().find(|(known, _)| *known == word).map(|(_, weight)| *weight);
    let weight =
        control["weight"].as_f64().or_else(|| of_word(control["strengthType"].as_str()?)).unwrap_or(1.0);
    if !(0.0..=MOST_WEIGHT).contains(&weight) {
        let field = field("weight");
        let message = format!("`{field}` must be from 0 to {MOST_WEIGHT}, not {weight}");
        return Err(Problem::field(field, message));
    }
    Ok(weight)
}

fn unknown_number(field: &str, number: Option<f64>) -> Problem {
    let number = number.map_or_else(|| "nothing".into(), |number| number.to_string());
    let message = format!(
        "`{field}` must be 19 (canny), 20 (depth), 21 (pose), or 67, 100 or 133 (references of style, content and \
         character), not {number}"
    );
    Problem::field(field, message)
}

/// The server was started without something.
fn missing(field: &str, what: &str, flags: &str) -> Problem {
    let message =
        format!("`{field}` needs {what}, and this server was started without one: fulmen serve {flags}");
    Problem { code: "not_supported", ..Problem::field(field, message) }
}
