//! A request of this family, on its way into the queue, with its images and with room for what will be kept of it.

use std::sync::Arc;

use super::edit::Inputs;
use super::request::Generation;
use crate::api::inputs::Lent;
use crate::api::picture::stored_bytes;
use crate::app::App;
use crate::fields::Values;
use crate::jobs::{Job, Known, Outcome, Ticket, check};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Reservation, new_uuid};

/// A request that was submitted.
pub(super) struct Begun {
    job: Arc<Job>,
    /// Room for the files that will be kept.
    _reservation: Reservation,
    /// What it is drawn from.
    _lent: Lent,
}

impl Begun {
    /// Not a field: a closure would take that alone, and what the job is drawn from would go before it is drawn.
    pub(super) fn job(&self) -> &Job {
        &self.job
    }
}

/// Submits a request, with room for the files that will be kept, and with its images.
pub(super) fn begin(
    (app, call): (&Arc<App>, &Call),
    asked: &mut Generation,
    values: &Values,
    mut inputs: Inputs<'_>,
) -> Result<Begun, Problem> {
    let Known { info, foresight } = app.models.of(&asked.spec);
    inputs.plan(values, (&mut asked.spec, info), &mut asked.warnings);
    check(&app.config.work, &asked.spec, &asked.members)?;
    asked.warnings.extend(foresight.warnings(Family::OpenAi, &asked.spec)?);
    let place = app.queue.place(&call.owner)?;
    // Only links keep files here.
    let keeps = !asked.b64 && !asked.stream;
    let reservation = app.store.reserve(if keeps { stored_bytes(&asked.spec) } else { 0 })?;
    let mut lent = Lent::new(app, &call.owner);
    inputs.keep(&mut lent, &mut asked.spec)?;
    let outcome = match (asked.stream, asked.b64) {
        (true, _) => Outcome::Events,
        (false, true) => Outcome::Base64,
        (false, false) => Outcome::Files,
    };
    let (id, owner, previews) = (new_uuid(), call.owner.clone(), asked.previews);
    let ticket = Ticket { id, owner, family: Family::OpenAi, previews, outcome };
    let job = place.submit(ticket, asked.spec.clone());
    Ok(Begun { job, _reservation: reservation, _lent: lent })
}
