//! What the client of AIGNE's hub asks of it, so that it can be pointed here: where the hub is, which models it has, and
//! images. It speaks of the same members as the rest of this family, in an envelope of its own.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::begin::begin;
use super::edit::Given;
use super::fields::{GENERATIONS, HUB};
use super::generate::links;
use super::request::{Generation, Kind, chosen};
use crate::app::App;
use crate::fields::Values;
use crate::http::Answer;
use crate::jobs::ModelInfo;
use crate::problem::Problem;
use crate::route::Call;
use crate::warning::{Warning, sentences};

/// The name under which its clients look for the hub among the components of a site.
const COMPONENT: &str = "z8ia3xzq2tMq8CRHfaXj1BTYJyYnEcHbqP8cJ";

/// `GET /__blocklet__.js`: the hub is all of this site.
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn mounts(_: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    let hub = json!({"did": COMPONENT, "mountPoint": "/"});
    Ok(Answer::json(200, &json!({"componentMountPoints": [hub]})))
}

/// `GET /api/ai/models`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn models(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let of_images = call.request.query("type").is_none_or(|kind| kind == "image");
    let model = |model: &ModelInfo| {
        json!({
            "model": model.name,
            "type": "image",
            "provider": "fulmen",
            "providerDisplayName": "Fulmen",
            "input_credits_per_token": "0",
            "output_credits_per_token": "0",
            "status": {"available": true},
        })
    };
    Ok(Answer::json(200, &app.models.infos().filter(|_| of_images).map(model).collect::<Value>()))
}

/// `POST /api/v2/image`
pub(super) fn draw(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let mut envelope = Values::of(&call.request, HUB)?;
    let (members, images) = members(envelope.take("input"));
    let mut values = Values::checked(members, GENERATIONS)?;
    let given = if images.is_empty() { Given::take(&mut values, &[]) } else { Given::texts(images) };
    let model = chosen(&values, &app.models);
    let inputs = given.look(app, call)?;
    let mut asked = Generation::new(&values, model, (Kind::Generation, inputs.own_size()));
    // Whatever the model's name: this client takes links.
    (asked.b64, asked.stream, asked.previews) = (false, false, 0);
    asked.warnings.extend(envelope.warnings(&[&model.name]));
    asked.warnings.extend(unanswered(&values));
    let begun = begin((app, call), &mut asked, &values, inputs)?;
    call.request.let_body_go();
    let drawings = begun.job().wait(&call.request.client)?;
    let links = links(app, call, drawings, &asked)?;
    drop(begun);
    let media_type = asked.output.format.media_type();
    let image = |url| json!({"type": "url", "url": url, "mimeType": media_type});
    let mut body = json!({
        "images": links.into_iter().map(image).collect::<Vec<_>>(),
        "model": model.name,
        "usage": {"inputTokens": 0, "outputTokens": 0},
    });
    if !asked.warnings.is_empty() {
        body["warnings"] = json!(sentences(&asked.warnings));
    }
    Ok(Answer::json(200, &body).warned(asked.warnings))
}

/// What the hub does not answer in other forms than this.
fn unanswered(values: &Values) -> impl Iterator<Item = Warning> + '_ {
    let asked = |name: &&str| match *name {
        "response_format" => values.is_unusual(name) && values.text(name) != Some("url"),
        _ => values.is_unusual(name),
    };
    let without_effect =
        |name| Warning::no_effect(name, format!("`{name}` has no effect here: one answer with links comes"));
    ["stream", "partial_images", "response_format"].into_iter().filter(asked).map(without_effect)
}

/// The members of `input`, and beside them those of its `modelOptions`; and its images, each as text.
fn members(input: Option<Value>) -> (Map<String, Value>, Vec<String>) {
    let object = |value: Option<Value>| match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let mut members = object(input);
    members.remove("outputFileType");
    let images = match members.remove("image") {
        Some(Value::Array(images)) => images.into_iter().filter_map(image).collect(),
        _ => vec![],
    };
    let options = object(members.remove("modelOptions"));
    (options.into_iter().chain(members).collect(), images)
}

/// An image in an envelope of its own: a file in base64, or a link.
fn image(image: Value) -> Option<String> {
    let Value::Object(mut image) = image else { return None };
    let texts = ["data", "url"].map(|name| image.remove(name));
    texts.into_iter().flatten().find_map(|text| match text {
        Value::String(text) => Some(text),
        _ => None,
    })
}
