//! `POST …/images/generations`.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::request::Generation;
use super::stream::stream;
use crate::api::picture::{file, kept, stored_bytes, word};
use crate::app::App;
use crate::http::Answer;
use crate::jobs::{Drawing, Job, Outcome, Ticket, check};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{ImageKind, NewImage, Reservation, new_image_id, new_uuid};
use crate::warning::sentences;

/// How long a link is good, as documented.
const LINK_TIME: SignedDuration = SignedDuration::from_hours(1);

/// Draws, and answers links or files.
pub(super) fn generate(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let created = crate::clock::now();
    let mut asked = Generation::of(&call.request, &app.models)?;
    let (job, reservation) = begin(app, call, &mut asked)?;
    let warnings = asked.warnings.clone();
    if asked.stream {
        return Ok(stream(job, call.request.client.clone(), asked).warned(warnings));
    }
    let drawings = job.wait(&call.request.client)?;
    let data = if asked.b64 {
        files(drawings, &asked)?
    } else {
        links(app, call, drawings, &asked)?.into_iter().map(|url| json!({"url": url})).collect()
    };
    drop(reservation);
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

/// Submits the request, with room for the files that will be kept.
pub(super) fn begin(
    app: &App,
    call: &Call,
    asked: &mut Generation,
) -> Result<(Arc<Job>, Reservation), Problem> {
    check(&app.config.work, &asked.spec, &asked.members)?;
    let foresight = &app.models.of(&asked.spec).foresight;
    asked.warnings.extend(foresight.warnings(Family::OpenAi, &asked.spec)?);
    let place = app.queue.place(&call.owner)?;
    // Only links keep files here.
    let keeps = !asked.b64 && !asked.stream;
    let reservation = app.store.reserve(if keeps { stored_bytes(&asked.spec) } else { 0 })?;
    let outcome = match (asked.stream, asked.b64) {
        (true, _) => Outcome::Events,
        (false, true) => Outcome::Base64,
        (false, false) => Outcome::Files,
    };
    let (id, owner, previews) = (new_uuid(), call.owner.clone(), asked.previews);
    let ticket = Ticket { id, owner, family: Family::OpenAi, previews, outcome };
    Ok((place.submit(ticket, asked.spec.clone()), reservation))
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
