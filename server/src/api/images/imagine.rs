//! `POST /v1/images/imagine`.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fulmen_engine::picture::Format;
use serde_json::json;

use super::object::ImageObject;
use super::request::Asked;
use crate::api::inputs::Lent;
use crate::api::picture::{Output, kept, stored_bytes};
use crate::app::App;
use crate::http::{Answer, Events};
use crate::jobs::{Drawing, Job, Outcome, Progress, Ticket};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Image, ImageKind, NewImage, Reservation, new_image_id};
use crate::warning::Warning;

/// Draws an image and keeps it. With `Accept: text/event-stream` progress is sent on the way.
pub(super) fn imagine(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let Asked { name, previews, mut spec, over, mut warnings } = Asked::of(app, call)?;
    warnings.extend(app.models.of(&spec).foresight.warnings(Family::Images, &spec)?);
    let place = app.queue.place(&call.owner)?;
    let reservation = app.store.reserve(stored_bytes(&spec))?;
    let mut lent = Lent::new(app, &call.owner);
    if let Some(over) = over {
        over.keep(&mut lent, &mut spec)?;
    }
    // Others need the memory while this one waits.
    call.request.let_body_go();
    let (owner, family) = (call.owner.clone(), Family::Images);
    let ticket = Ticket { id: new_image_id(), owner, family, previews, outcome: Outcome::Files };
    let job = place.submit(ticket, spec);
    if call.request.wants_events() {
        let kept = Kept { name, reservation, lent, warnings: warnings.clone() };
        return Ok(stream(app, call, job, kept).warned(warnings));
    }
    let drawings = job.wait(&call.request.client)?;
    let image = keep(app, &job, &name, &drawings[0])?;
    drop((reservation, lent));
    // The documented object has its members and no others: a header says what there is to say.
    Ok(Answer::json(201, &ImageObject::new(&image, call)).warned(warnings))
}

fn keep(app: &App, job: &Job, name: &str, drawing: &Drawing) -> Result<Image, Problem> {
    let Ticket { id, owner, .. } = &job.ticket;
    let new = kept((id.clone(), owner), ImageKind::Named, (drawing, Output::PNG))?;
    let mut kept = app.store.add(vec![NewImage { name: name.to_owned(), ..new }])?;
    Ok(kept.remove(0))
}

/// What an image is kept with, and what is sent before it is drawn.
struct Kept {
    name: String,
    reservation: Reservation,
    /// What it is drawn from.
    lent: Lent,
    warnings: Vec<Warning>,
}

/// The same, event by event.
fn stream(app: &Arc<App>, call: &Call, job: Arc<Job>, kept: Kept) -> Answer {
    let (app, client) = (app.clone(), call.request.client.clone());
    let call = call.clone();
    let Kept { name, reservation, lent, warnings } = kept;
    Answer::events(move |events| {
        let mut warn =
            |told: &Warning| events.send("warning", &json!({"message": told.message, "member": told.field}));
        if warnings.iter().try_for_each(&mut warn).is_err() {
            job.cancel();
        }
        let drawn = job.watch(&client, &mut |progress| tell(events, &progress));
        let kept = drawn.and_then(|drawings| Ok((keep(&app, &job, &name, &drawings[0])?, drawings)));
        drop((reservation, lent));
        job.settle();
        match kept {
            Ok((image, drawings)) => {
                let Drawing { seed, steps, .. } = drawings[0];
                let image = ImageObject::new(&image, &call);
                events.send("image", &json!({"image": image, "seed": seed, "steps": steps}))
            }
            Err(problem) => events.send("error", &json!({"error": Family::Images.body(&problem)})),
        }
    })
}

fn tell(events: &mut Events<'_>, progress: &Progress) -> io::Result<()> {
    match progress {
        Progress::Queued(position) => events.send("queued", &json!({"position": position})),
        Progress::Stage(stage) => events.send("stage", &json!({"stage": stage})),
        Progress::Step { step, steps, .. } => events.send("step", &json!({"step": step, "steps": steps})),
        Progress::Tile { tile, tiles } => events.send("tile", &json!({"tile": tile, "tiles": tiles})),
        Progress::Preview { index, picture, .. } => {
            let png = picture.encode(Format::Png, None).map_err(io::Error::other)?;
            events.send("preview", &json!({"index": index, "b64_json": BASE64_STANDARD.encode(png)}))
        }
        Progress::Beat => events.beat(),
    }
}
