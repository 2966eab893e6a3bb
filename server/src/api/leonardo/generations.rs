//! `/generations`: begun, looked at, deleted.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::account::user_id;
use super::background::{complete, generation_bytes, ticket};
use super::elements;
use super::enhance::Reader;
use super::fields::GENERATION;
use super::guides::Asking;
use super::init::begin_from;
use super::model::chosen;
use super::object::object;
use super::prompts::cost;
use super::request::Asked;
use super::rules;
use crate::app::App;
use crate::fields::Values;
use crate::http::Answer;
use crate::jobs::{Job, Known, Members, check};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Generation, State, new_uuid};
use crate::warning::{Warning, sentences};

/// Generations on a page: the usual number and the largest.
pub(super) const USUAL_PAGE: u64 = 10;
pub(super) const LARGEST_PAGE: u64 = 100;

/// The largest number of generations that can be passed over.
pub(super) const LARGEST_OFFSET: u64 = 1_000_000_000;

const MEMBERS: &Members =
    &Members { width: "width", height: "height", images: Some("num_images"), steps: "num_inference_steps" };

/// One list is made at a time: nobody knows how large it gets.
static LISTS: Mutex<()> = Mutex::new(());

/// `POST /generations`: answered as soon as it is sure to be drawn.
pub(super) fn create(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let values = Values::of(&call.request, GENERATION)?;
    rules::check(&values)?;
    app.unstored.check()?;
    let asked = decided(app, call, &values)?;
    let warnings = asked.warnings;
    let place = app.queue.place(&call.owner)?;
    let request = told(asked.echo, &warnings);
    let reservation = app.store.reserve(generation_bytes(&asked.spec, request.to_string().len()))?;
    let generation = Generation {
        id: new_uuid(),
        owner: call.owner.clone(),
        created_at: crate::clock::now(),
        state: State::Pending,
        request,
        spec: json!(asked.spec),
        inference_steps: None,
        attempts: 0,
        failure: None,
        variation_of: None,
    };
    app.store.begin(&generation, &asked.spec.pictures())?;
    let Generation { id, owner, .. } = generation;
    let job = place.submit(ticket(id.clone(), owner), asked.spec);
    if let Err(error) = complete(app, job.clone(), reservation) {
        tracing::error!(%error, "no thread for a generation");
        job.cancel();
        app.store.delete_generation(&call.owner, &id)?;
        return Err(Problem::busy("too_busy", "the server has no thread left; try again later", 10));
    }
    let job = told(json!({"generationId": id, "apiCreditCost": 0, "cost": cost()}), &warnings);
    Ok(Answer::json(200, &json!({"sdGenerationJob": job})).warned(warnings))
}

/// What is drawn, and what the caller should know of it.
fn decided(app: &App, call: &Call, values: &Values) -> Result<Asked, Problem> {
    let Known { info, foresight } = chosen(values, &app.models);
    let tokens = |text: &str| foresight.tokens(text);
    let mut asked = Asked::of(values, info, &Reader { most: foresight.tokens_read(), tokens: &tokens });
    asked.spec.loras = elements::asked(values, || foresight.lora_names())?;
    asked.echo["sampler"] = json!(foresight.sampler(&asked.spec));
    let steps = asked.spec.steps.unwrap_or(info.steps);
    begin_from((app, call), values, (&mut asked.spec, steps), &mut asked.warnings)?;
    check(&app.config.work, &asked.spec, MEMBERS)?;
    let guides = Asking { app, call, values, model: info }.guides(&mut asked.warnings)?;
    (asked.spec.image_prompt, asked.spec.controls) = (guides.image_prompt, guides.controls);
    if values.flag("controlNet") == Some(true) {
        // Its picture guides, and nothing is drawn over it.
        asked.spec.init = None;
    }
    asked.warnings.extend(foresight.warnings(Family::Leonardo, &asked.spec)?);
    Ok(asked)
}

/// An object with what the caller should know, if there is anything. It is kept with the generation, so that whoever
/// asks for that later reads it, too.
fn told(mut object: Value, warnings: &[Warning]) -> Value {
    if !warnings.is_empty() {
        object["warnings"] = json!(sentences(warnings));
    }
    object
}

/// `GET /generations/{id}`. Those of others are not told from those that are not there: both are null.
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let found = app.store.generation(&call.owner, &call.params[0])?;
    let found = found.filter(|(generation, _)| generation.variation_of.is_none());
    let found = found.map(|(generation, images)| object(app, call, generation, &images));
    Ok(Answer::json(200, &json!({"generations_by_pk": found})))
}

/// `DELETE /generations/{id}`. What is not drawn yet is not drawn any more.
pub(super) fn delete(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let id = &call.params[0];
    let found = app.store.generation(&call.owner, id)?;
    let mut all = vec![id.clone()];
    for image in found.iter().flat_map(|(_, images)| images) {
        all.extend(app.store.variations(&image.id)?.into_iter().map(|(variation, _)| variation.id));
    }
    let deleted = app.store.delete_generation(&call.owner, id)?;
    if deleted {
        all.iter().filter_map(|id| job(app, id)).for_each(|job| job.cancel());
    }
    let deleted = deleted.then(|| json!({"id": id}));
    Ok(Answer::json(200, &json!({"delete_generations_by_pk": deleted})))
}

fn job(app: &App, id: &str) -> Option<Arc<Job>> {
    let now = app.queue.snapshot();
    now.running.into_iter().chain(now.waiting).find(|job| job.ticket.id == id)
}

/// `GET /generations/user/{userId}`: the caller's, newest first. Whoever asks for another's sees none.
pub(super) fn list(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let offset = call.request.query_number("offset", 0, 0, LARGEST_OFFSET)? as usize;
    let limit = call.request.query_number("limit", USUAL_PAGE, 1, LARGEST_PAGE)? as usize;
    let own = call.params[0] == user_id(&call.owner);
    let _one_at_a_time = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut list = br#"{"generations":["#.to_vec();
    let mut separator = None;
    let limit = if own { limit } else { 0 };
    app.store.each_generation(&call.owner, (offset, limit), |generation, images| {
        list.extend(separator.replace(b','));
        serde_json::to_writer(&mut list, &object(app, call, generation, &images)).expect("values are JSON");
    })?;
    list.extend(b"]}");
    list.shrink_to_fit();
    let share = call.request.memory.for_answer(list.len())?;
    Ok(Answer::bytes(200, "application/json", list).holding(share))
}
