//! `POST /variations/universal-upscaler`: a picture becomes larger and is drawn over in its new size, so that it has the
//! detail of a picture of that size. What each member does stands in its table, in the numbers that are drawn with.

use std::sync::Arc;

use super::enhance::{Added, Reader, expanded};
use super::variations::{Kind, Made, Source, begin, generated, plain, varied};
use crate::api::inputs::at_least_a_step;
use crate::api::picture::seed;
use crate::app::App;
use crate::fields::{Effect, Field, FieldType, Finish, LONGEST_PROMPT, Look, Looks, Values, When};
use crate::http::Answer;
use crate::jobs::{InitSpec, Known, Spec};
use crate::problem::Problem;
use crate::route::Call;
use crate::store::{Image, Input};
use crate::warning::Warning;

const KIND: Kind = Kind { member: "universalUpscaler", word: "UPSCALE", size: "upscaleMultiplier" };

/// The share of the steps that is drawn anew with a creativity of 1, and what each more adds.
const LEAST_STRENGTH: f64 = 0.1;
const MORE_STRENGTH: f64 = 0.05;

/// What the share is multiplied by with a similarity of 0, and what each more takes; 5 leaves it as it is.
const LEAST_SIMILAR: f64 = 1.5;
const MORE_SIMILAR: f64 = 0.1;

const STYLES: &[&str] = &["GENERAL", "CINEMATIC", "2D ART & ILLUSTRATION", "CG ART & GAME ASSETS"];
const ULTRA_STYLES: &[&str] = &["ARTISTIC", "REALISTIC"];

/// The ultra styles, as JSON.
const ULTRA: &[&str] = &["\"ARTISTIC\"", "\"REALISTIC\""];

const fn style(value: &'static str, words: &'static str, finish: Finish) -> Effect {
    Effect { when: When::Is(value), look: Look { words, finish, ..Look::NONE } }
}

const STYLED: &[Effect] = &[
    style("\"GENERAL\"", "sharp focus, fine detail", Finish { sharpness: 0.1, ..Finish::NONE }),
    style(
        "\"CINEMATIC\"",
        "cinematic light, film still",
        Finish { contrast: 1.08, vignette: 0.2, ..Finish::NONE },
    ),
    style(
        "\"2D ART & ILLUSTRATION\"",
        "illustration, clean lines, flat colours",
        Finish { saturation: 1.15, sharpness: 0.2, ..Finish::NONE },
    ),
    style(
        "\"CG ART & GAME ASSETS\"",
        "3D render, game asset, detailed materials",
        Finish { contrast: 1.1, sharpness: 0.3, ..Finish::NONE },
    ),
];

const ULTRA_STYLED: &[Effect] = &[
    style(
        "\"ARTISTIC\"",
        "painting, rich colours, fine brushwork",
        Finish { saturation: 1.2, range: 0.5, ..Finish::NONE },
    ),
    style(
        "\"REALISTIC\"",
        "realistic photograph, fine texture",
        Finish { saturation: 0.9, sharpness: 0.3, ..Finish::NONE },
    ),
];

const DETAIL: &[Effect] = &[Effect {
    when: When::Each,
    look: Look { finish: Finish { contrast: 1.02, sharpness: 0.06, ..Finish::NONE }, ..Look::NONE },
}];

const TEN: FieldType = FieldType::Integer { least: 1, most: 10, multiple_of: 1 };

const ID: FieldType = FieldType::Text { least: 0, most: 200 };

/// The members.
pub(super) const UNIVERSAL: &[Field] = &[
    Field::new(
        "creativityStrength",
        TEN,
        "How much is drawn anew: 0.1 of the steps with 1, 0.05 more with each more, and one step at least.",
    )
    .or("5"),
    Field::new("detailContrast", TEN, "How clearly details stand out; as they are if absent.")
        .does(DETAIL)
        .only_where("ultraUpscaleStyle", ULTRA),
    Field::new("generatedImageId", ID, "The picture: one of the caller's generations."),
    Field::new("initImageId", ID, "The picture: one that was sent, as `/init-image` answered its id."),
    Field::new(
        "prompt",
        FieldType::Text { least: 0, most: LONGEST_PROMPT },
        "What to draw; what the picture was drawn with if absent.",
    ),
    Field::new(
        "similarity",
        TEN,
        "How close to stay to the picture: what is drawn anew is multiplied by 1.4 with 1, by 1 with 5, by 0.5 with 10.",
    )
    .or("5")
    .only_where("ultraUpscaleStyle", ULTRA),
    Field::new(
        "ultraUpscaleStyle",
        FieldType::Word(ULTRA_STYLES),
        "A style in place of `upscalerStyle`, of which only the usual one may come with it.",
    )
    .does(ULTRA_STYLED),
    Field::new(
        "upscaleMultiplier",
        FieldType::Number { least: 1.0, most: 2.0 },
        "How many times as long the sides become, in multiples of 8: enlarged by the network that the server was started \
         with (`--upscale FILE`), or resampled, and then drawn over.",
    )
    .or("1.5"),
    Field::new("upscalerStyle", FieldType::Word(STYLES), "A style: words that follow the prompt, and more.")
        .or("\"GENERAL\"")
        .does(STYLED)
        .only_where("ultraUpscaleStyle", &["null"]),
    Field::new("variationId", ID, "The picture: a variation of one."),
];

/// Members that say which picture.
const PICTURES: [&str; 3] = ["generatedImageId", "initImageId", "variationId"];

/// `POST /variations/universal-upscaler`
pub(super) fn upscale(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let values = Values::of(&call.request, UNIVERSAL)?;
    if values.has("ultraUpscaleStyle") && values.is_unusual("upscalerStyle") {
        let message = "`upscalerStyle` cannot be used with `ultraUpscaleStyle`; leave one of them out";
        return Err(Problem::field("upscalerStyle", message));
    }
    let mut warnings = values.warnings(&[""]);
    let source = source(app, call, &values, &mut warnings)?;
    let known = app.models.of(&source.spec);
    let spec = spec(&values, &source, known, &mut warnings);
    begin(app, call, KIND, (source, Made { spec, warnings }))
}

/// The one picture that a request names.
fn source(app: &App, call: &Call, values: &Values, warnings: &mut Vec<Warning>) -> Result<Source, Problem> {
    let asked = |name| values.text(name).filter(|id| !id.is_empty()).map(|id| (name, id));
    let named: Vec<_> = PICTURES.into_iter().filter_map(asked).collect();
    match named[..] {
        [one @ ("generatedImageId", _)] => generated(app, call, one),
        [one @ ("variationId", _)] => varied(app, call, one),
        [one] => sent(app, call, one, seed(values, warnings)),
        _ => {
            let message = format!("send one of `{}`, which says the picture", PICTURES.join("`, `"));
            Err(Problem::field(PICTURES[0], message))
        }
    }
}

/// A picture that the caller sent: nobody knows what it was drawn with.
fn sent(app: &App, call: &Call, (member, id): (&str, &str), seed: u64) -> Result<Source, Problem> {
    match app.store.input(&call.owner, id)? {
        Some(Input::Here(image)) => {
            let (root, spec) = (image.id.clone(), Spec { seed, ..Spec::default() });
            Ok(Source { image, root, spec, public: false })
        }
        Some(Input::Coming(_)) => {
            let message = format!(
                "`{member}`: this picture was announced and has not come yet; send it, then ask again"
            );
            Err(Problem::field(member, message))
        }
        None => Err(Problem::not_found(format!("`{member}`: none of your pictures has this id"))),
    }
}

/// What is drawn over the picture once it is larger.
fn spec(values: &Values, source: &Source, known: &Known, warnings: &mut Vec<Warning>) -> Spec {
    let (of, tokens) = (plain(&source.spec), |text: &str| known.foresight.tokens(text));
    let looks = values.looks(UNIVERSAL);
    let added = Added { style: "NONE", words: &looks.words, enhance: None };
    let reader = Reader { most: known.foresight.tokens_read(), tokens: &tokens };
    let prompt = values.text("prompt").unwrap_or(&of.prompt);
    let prompt = expanded(prompt, added, &reader, warnings);
    let Looks { finish, .. } = looks;
    let Image { id, width, height, .. } = &source.image;
    let ratio = values.number("upscaleMultiplier").unwrap_or(1.0);
    let side = |side: usize| ((side as f64 * ratio / 8.0).round() as usize).max(1) * 8;
    let init = InitSpec {
        picture: id.clone(),
        enlarged: true,
        denoising_strength: strength(values, of.steps.unwrap_or(known.info.steps)),
        ..InitSpec::default()
    };
    let model = Some(known.info.name.clone());
    Spec { model, prompt, finish, width: side(*width), height: side(*height), init: Some(init), ..of }
}

/// The share of the steps that is drawn anew, which is at least one of them.
fn strength(values: &Values, steps: usize) -> f64 {
    let creativity = values.number("creativityStrength").unwrap_or(1.0);
    let strength = LEAST_STRENGTH + MORE_STRENGTH * (creativity - 1.0);
    let similarity = values.number("similarity").filter(|_| values.has("ultraUpscaleStyle"));
    let similar = similarity.map_or(1.0, |similarity| LEAST_SIMILAR - MORE_SIMILAR * similarity);
    at_least_a_step(strength * similar, steps)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn strength_of(members: &Value) -> f64 {
        let body: Map<String, Value> = members.as_object().unwrap().clone();
        strength(&Values::checked(body, UNIVERSAL).unwrap(), 100)
    }

    #[test]
    fn strengths_are_as_they_are_described() {
        let about = |members: Value, expected: f64| {
            let strength = strength_of(&members);
            assert!((strength - expected).abs() < 1e-9, "{members}: {strength}");
        };
        about(json!({}), 0.3);
        about(json!({"creativityStrength": 1}), 0.1);
        about(json!({"creativityStrength": 10}), 0.55);
        about(json!({"similarity": 10}), 0.3);
        about(json!({"similarity": 10, "ultraUpscaleStyle": "ARTISTIC"}), 0.15);
        about(json!({"similarity": 1, "ultraUpscaleStyle": "REALISTIC"}), 0.42);
    }
}
