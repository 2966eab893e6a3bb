//! `POST /v1/images/imagine`.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fulmen_engine::picture::Format;
use serde_json::json;

use super::fields::IMAGINE;
use super::object::ImageObject;
use crate::api::picture::{Output, kept, png_text, seed, stored_bytes};
use crate::app::App;
use crate::fields::Values;
use crate::http::{Answer, Events};
use crate::jobs::{Drawing, Job, Members, Outcome, Progress, Spec, Ticket, check};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Image, ImageKind, NewImage, Reservation, new_image_id};
use crate::warning::Warning;

/// The documented size of every image.
const SIDE: usize = 1024;

const MEMBERS: &Members = &Members { width: "width", height: "height", images: None, steps: "steps" };

/// Draws an image and keeps it. With `Accept: text/event-stream` progress is sent on the way.
pub(super) fn imagine(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let values = Values::of(&call.request, IMAGINE)?;
    let model = values.text("model").and_then(|name| app.models.named(name));
    let model = &model.unwrap_or(app.models.first()).info;
    let mut warnings = values.warnings(&[&model.name]);
    let spec = Spec { model: Some(model.name.clone()), ..spec(&values, &mut warnings) };
    check(&app.config.work, &spec, MEMBERS)?;
    warnings.extend(app.models.of(&spec).foresight.warnings(Family::Images, &spec)?);
    let place = app.queue.place(&call.owner)?;
    let reservation = app.store.reserve(stored_bytes(&spec))?;
    let previews = values.integer("previews").unwrap_or(0) as usize;
    if previews > 0 && !call.request.wants_events() {
        let message = "`previews` has no effect without `Accept: text/event-stream`";
        warnings.push(Warning::no_effect("previews", message));
    }
    let name = values.text("name").unwrap_or_default().to_owned();
    let (owner, family) = (call.owner.clone(), Family::Images);
    let ticket = Ticket { id: new_image_id(), owner, family, previews, outcome: Outcome::Files };
    let job = place.submit(ticket, spec);
    if call.request.wants_events() {
        return Ok(
            stream(app, call, job, Kept { name, reservation, warnings: warnings.clone() }).warned(warnings)
        );
    }
    let drawings = job.wait(&call.request.client)?;
    let image = keep(app, &job, &name, &drawings[0])?;
    drop(reservation);
    // The documented object has its members and no others: a header says what there is to say.
    Ok(Answer::json(201, &ImageObject::new(&image, call)).warned(warnings))
}

fn spec(values: &Values, warnings: &mut Vec<Warning>) -> Spec {
    let side = |name| values.integer(name).map_or(SIDE, |side| side as usize);
    Spec {
        prompt: values.text("prompt").unwrap_or_default().to_owned(),
        negative_prompt: values.text("negative_prompt").map(Into::into),
        width: side("width"),
        height: side("height"),
        images: 1,
        seed: seed(values, warnings),
        steps: values.integer("steps").map(|steps| steps as usize),
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
    warnings: Vec<Warning>,
}

/// The same, event by event.
fn stream(app: &Arc<App>, call: &Call, job: Arc<Job>, kept: Kept) -> Answer {
    let (app, client) = (app.clone(), call.request.client.clone());
    let call = call.clone();
    let Kept { name, reservation, warnings } = kept;
    Answer::events(move |events| {
        let mut warn =
            |told: &Warning| events.send("warning", &json!({"message": told.message, "member": told.field}));
        if warnings.iter().try_for_each(&mut warn).is_err() {
            job.cancel();
        }
        let drawn = job.watch(&client, &mut |progress| tell(events, &progress));
        let kept = drawn.and_then(|drawings| Ok((keep(&app, &job, &name, &drawings[0])?, drawings)));
        drop(reservation);
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
