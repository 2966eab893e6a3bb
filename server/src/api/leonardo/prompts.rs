//! Prompts to begin from: an improved one, a random one; and what they cost, as everything here: nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use super::enhance::{Added, Reader, expanded};
use crate::app::App;
use crate::fields::{Field, FieldType, LONGEST_PROMPT, Values};
use crate::http::Answer;
use crate::problem::Problem;
use crate::route::Call;

/// The members of `POST /prompt/improve`.
pub(super) const IMPROVE: &[Field] = &[
    Field::new("prompt", FieldType::Text { least: 1, most: LONGEST_PROMPT }, "What to improve.").required(),
    Field::new("promptInstructions", FieldType::Text { least: 0, most: 1000 }, "What is added to it."),
    Field::new("isVideo", FieldType::Flag, "Whether it is for a video.").hint(&["false"]),
];

const SUBJECTS: &[&str] =
    &["a red circle", "a lighthouse", "a cat", "a house", "a boat", "a flower", "a tree", "a star"];
const PLACES: &[&str] = &[
    "on a blue background",
    "at sunset",
    "at night",
    "by the sea",
    "in the mountains",
    "on a striped background",
    "by day",
];

/// `POST /prompt/improve`: as `enhancePrompt` does it.
pub(super) fn improve(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let values = Values::of(&call.request, IMPROVE)?;
    let foresight = &app.models.first().foresight;
    let tokens = |text: &str| foresight.tokens(text);
    let reader = Reader { most: foresight.tokens_read(), tokens: &tokens };
    let enhance = Some(values.text("promptInstructions").unwrap_or_default());
    let mut warnings = values.warnings(&[]);
    let added = Added { enhance, ..Added::default() };
    let prompt = expanded(values.text("prompt").unwrap_or_default(), added, &reader, &mut warnings);
    Ok(Answer::json(200, &generated(&prompt)).warned(warnings))
}

/// `POST /prompt/random`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn random(_: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    let chosen = getrandom::u64().unwrap_or_default() as usize;
    let (subject, place) = (chosen % SUBJECTS.len(), chosen / SUBJECTS.len() % PLACES.len());
    Ok(Answer::json(200, &generated(&format!("{} {}", SUBJECTS[subject], PLACES[place]))))
}

fn generated(prompt: &str) -> Value {
    json!({"promptGeneration": {"apiCreditCost": 0, "cost": cost(), "prompt": prompt}})
}

/// `POST /pricing-calculator`, whatever is asked.
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn price(_: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    Ok(Answer::json(200, &json!({"calculateProductionApiServiceCost": {"cost": 0}})))
}

/// What everything costs here.
pub(super) fn cost() -> Value {
    json!({"amount": "0", "unit": "DOLLARS"})
}
