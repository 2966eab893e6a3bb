//! What happens to a generation after its request was answered, up to its pictures being kept; and again after a
//! restart.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::api::picture::{Output, kept, room};
use crate::app::App;
use crate::http::Client;
use crate::jobs::{Drawing, Job, Spec, Ticket, Unstored};
use crate::problem::{Family, Problem};
use crate::store::{Kind, NewImage, Reservation, new_uuid};

/// How long to wait before pictures that could not be kept are kept again.
const PAUSE: Duration = Duration::from_secs(3);

/// Counts one, as long as it lives.
struct Counted(Arc<App>, fn(&Unstored) -> &AtomicUsize);

impl Counted {
    fn new(app: &Arc<App>, which: fn(&Unstored) -> &AtomicUsize) -> Self {
        which(&app.unstored).fetch_add(1, Ordering::AcqRel);
        Self(app.clone(), which)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1(&self.0.unstored).fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits for a job behind its caller's back and keeps its pictures.
///
/// # Errors
/// There is no thread to wait in.
pub(super) fn finish(app: &Arc<App>, job: Arc<Job>, room: Option<Reservation>) -> io::Result<()> {
    let counted = Counted::new(app, |unstored| &unstored.all);
    let app = app.clone();
    let thread = thread::Builder::new().name("generation".into());
    let finish = move || {
        match job.wait(&Client::default()) {
            Ok(drawings) => keep(&app, &job.ticket, &drawings),
            Err(problem) => give_up(&app, &job.ticket.id, &problem),
        }
        drop((room, counted));
    };
    thread.spawn(finish).map(drop)
}

/// Draws again what an earlier start of the server promised: of each owner the oldest first, in their turn, and whatever
/// the queue's length is.
pub(crate) fn resume(app: &Arc<App>) {
    let pending = app.store.pending().unwrap_or_else(|problem| {
        tracing::error!(problem.message, "what was not drawn before the restart cannot be read");
        vec![]
    });
    for generation in pending {
        let id = generation.id;
        let Ok(spec) = serde_json::from_value::<Spec>(generation.spec) else {
            tracing::error!(generation = id, "its record is not readable; it is given up");
            failed(app, &id);
            continue;
        };
        tracing::info!(generation = id, "drawn again, because the server stopped before it was done");
        let room = app.store.reserve(room(&spec)).ok();
        let ticket = Ticket { id, owner: generation.owner, family: Family::Leonardo, previews: 0 };
        let job = app.queue.place_beyond(&ticket.owner).submit(ticket, spec);
        if let Err(error) = finish(app, job.clone(), room) {
            tracing::error!(%error, generation = job.ticket.id, "no thread for it; the next start draws it");
            job.cancel();
        }
    }
}

fn keep(app: &Arc<App>, ticket: &Ticket, drawings: &[Drawing]) {
    let Ticket { id, owner, .. } = ticket;
    let steps = drawings.first().map_or(0, |drawing| drawing.steps);
    let images = drawings.iter().enumerate().map(|(position, drawing)| image(ticket, position, drawing));
    let images = match images.collect::<Result<Vec<_>, Problem>>() {
        Ok(images) => images,
        Err(problem) => return give_up(app, id, &problem),
    };
    let mut refused = None;
    loop {
        match app.store.complete(id, steps, images.clone()) {
            Ok(_) => return,
            Err(problem) => {
                tracing::warn!(generation = id, problem.message, "its pictures are not stored yet");
            }
        }
        refused.get_or_insert_with(|| Counted::new(app, |unstored| &unstored.refused));
        thread::sleep(PAUSE);
        // The next start draws it again; or there is nothing to keep any more.
        if app.queue.is_closed() || matches!(app.store.generation(owner, id), Ok(None)) {
            return;
        }
    }
}

fn image(ticket: &Ticket, position: usize, drawing: &Drawing) -> Result<NewImage, Problem> {
    let kind = Kind::Generation { id: ticket.id.clone(), position };
    kept((new_uuid(), &ticket.owner), kind, (drawing, Output::PNG))
}

/// There will be no pictures; but what a shutdown ended is drawn by the next start.
fn give_up(app: &App, id: &str, problem: &Problem) {
    if !app.queue.is_closed() {
        tracing::warn!(generation = id, code = problem.code, "it failed");
        failed(app, id);
    }
}

fn failed(app: &App, id: &str) {
    if let Err(problem) = app.store.fail(id) {
        tracing::error!(
            generation = id,
            problem.message,
            "its failure is not stored; the next start draws it again"
        );
    }
}
