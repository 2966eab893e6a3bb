//! `POST …/images/generations`, `…/edits` and `…/variations`.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::begin::begin;
use super::edit::Given;
use super::fields::{EDITS, GENERATIONS, VARIATIONS};
use super::request::{Generation, Kind, chosen};
use super::stream::stream;
use crate::api::picture::{file, kept, word};
use crate::app::App;
use crate::fields::{Field, Form};
use crate::http::Answer;
use crate::jobs::Drawing;
use crate::problem::Problem;
use crate::route::Call;
use crate::store::{ImageKind, NewImage, new_image_id};
use crate::warning::sentences;

/// How long a link is good, as documented.
const LINK_TIME: SignedDuration = SignedDuration::from_hours(1);

/// `…/images/generations`
pub(super) fn generate(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    draw(app, call, (GENERATIONS, Kind::Generation))
}

/// `…/images/edits`
pub(super) fn edit(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    draw(app, call, (EDITS, Kind::Edit))
}

/// `…/images/variations`
pub(super) fn vary(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    draw(app, call, (VARIATIONS, Kind::Edit))
}

/// Draws, and answers links or files.
fn draw(app: &Arc<App>, call: &Call, (fields, kind): (&'static [Field], Kind)) -> Result<Answer, Problem> {
    let created = crate::clock::now();
    let body = call.request.body.bytes();
    let mut form = Form::of(&call.request, &body, fields)?;
    let given = Given::take(&mut form.values, &form.files);
    if given.is_empty() && kind == Kind::Edit {
        let message = "`image` is missing; send the image to edit, as a file of a form or in base64";
        return Err(Problem { code: "missing_field", ..Problem::field("image", message) });
    }
    let inputs = given.look(app, call)?;
    let model = chosen(&form.values, &app.models);
    let mut asked = Generation::new(&form.values, model, (kind, inputs.own_size()));
    let begun = begin((app, call), &mut asked, &form.values, inputs)?;
    // Others need the memory while this one waits.
    drop(form);
    drop(body);
    call.request.let_body_go();
    let warnings = asked.warnings.clone();
    if asked.stream {
        return Ok(stream(begun, call.request.client.clone(), asked).warned(warnings));
    }
    let drawings = begun.job().wait(&call.request.client)?;
    let data = if asked.b64 {
        files(drawings, &asked)?
    } else {
        links(app, call, drawings, &asked)?.into_iter().map(|url| json!({"url": url})).collect()
    };
    drop(begun);
    let mut body = json!({
        "created": created.as_second(),
        "data": data,
        "output_format": word(asked.output.format),
        "size": asked.size(),
        "quality": asked.quality,
    });
    if !warnings.is_empty() {
        body["warnings"] = json!(sentences(&warnings));
    }
    Ok(Answer::json(200, &body).warned(warnings))
}

/// The files in base64; each picture gives way to its text.
fn files(drawings: Vec<Drawing>, asked: &Generation) -> Result<Vec<Value>, Problem> {
    let one =
        |drawing: Drawing| Ok(json!({"b64_json": BASE64_STANDARD.encode(file(&drawing, asked.output)?)}));
    drawings.into_iter().map(one).collect()
}

/// Keeps the files for an hour, and signs a link to each.
pub(super) fn links(
    app: &App,
    call: &Call,
    drawings: Vec<Drawing>,
    asked: &Generation,
) -> Result<Vec<String>, Problem> {
    let expires = crate::clock::now() + LINK_TIME;
    let new = |drawing: Drawing| {
        let new = kept((new_image_id(), &call.owner), ImageKind::Link, (&drawing, asked.output))?;
        Ok(NewImage { expires_at: Some(expires), ..new })
    };
    let kept = app.store.add(drawings.into_iter().map(new).collect::<Result<_, Problem>>()?)?;
    let link = |id: &str| app.links.sign(&call.base, &format!("{id}.{}", word(asked.output.format)), expires);
    Ok(kept.iter().map(|image| link(&image.id)).collect())
}
