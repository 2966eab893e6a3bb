//! What happens to a generation after its request was answered, up to its pictures being kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::picture::{Output, kept, stored_bytes};
use crate::app::App;
use crate::http::Client;
use crate::jobs::{Drawing, Job, Outcome, Spec, Ticket, Unstored};
use crate::problem::{Family, Problem};
use crate::store::{ImageKind, NewImage, Reservation, new_uuid};

/// How long to wait before what the store refused is tried again, and the longest such wait: each is twice the last.
pub(super) const PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long to try; then the generation fails alone.
const PATIENCE: Duration = Duration::from_secs(3600);

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

/// Pauses that grow, until patience or the server ends.
struct Pauses {
    next: Duration,
    end: Instant,
}

impl Pauses {
    fn new() -> Self {
        Self { next: PAUSE, end: Instant::now() + PATIENCE }
    }

    /// Waits; `false` where it makes no sense to try again.
    fn wait(&mut self, app: &App) -> bool {
        let end = Instant::now() + self.next;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        while Instant::now() < end {
            if app.queue.is_closed() {
                return false;
            }
            thread::sleep(Duration::from_millis(50));
        }
        Instant::now() < self.end
    }
}

/// How much room a generation takes at most: its pictures, and its own record, which holds the request twice, in the
/// database and once more in its log.
pub(super) fn generation_bytes(spec: &Spec, echo_bytes: usize) -> u64 {
    let record = json!(spec).to_string().len() + echo_bytes;
    stored_bytes(spec) + 2 * record as u64
}

/// Notes that a job is about to be drawn, so that a generation that ends the server is not drawn for ever.
///
/// # Errors
/// It cannot be noted now; then the job must wait.
pub(crate) fn attempt(app: &App, job: &Job) -> Result<(), Problem> {
    app.store.attempt(&job.ticket.id)
}

/// Whose job a generation is.
pub(super) fn ticket(id: String, owner: String) -> Ticket {
    Ticket { id, owner, family: Family::Leonardo, previews: 0, outcome: Outcome::Files }
}

/// Waits for a job behind its caller's back and keeps its pictures.
///
/// # Errors
/// There is no thread to wait in.
pub(super) fn complete(app: &Arc<App>, job: Arc<Job>, reservation: Reservation) -> io::Result<()> {
    let counted = Counted::new(app, |unstored| &unstored.all);
    let app = app.clone();
    let thread = thread::Builder::new().name("generation".into());
    let wait_and_keep = move || {
        match drawn(&app, job.clone()) {
            Ok((job, drawings)) => keep(&app, &job, drawings),
            Err(problem) => give_up(&app, &job.ticket.id, &problem),
        }
        drop((reservation, counted));
    };
    thread.spawn(wait_and_keep).map(drop)
}

/// The drawings. Where it could not be noted that they are begun, or there was no memory for them, the job goes back to
/// the end of the queue.
fn drawn(app: &App, mut job: Arc<Job>) -> Result<(Arc<Job>, Vec<Drawing>), Problem> {
    let mut pauses = Pauses::new();
    loop {
        match job.wait(&Client::default()) {
            Err(problem) if problem.code.starts_with("storage_") || problem.code == "memory_short" => {
                let Ticket { id, owner, .. } = &job.ticket;
                put_back(app, id);
                tracing::warn!(generation = id, problem.message, "it is not begun yet");
                if !pauses.wait(app) || matches!(app.store.generation(owner, id), Ok(None)) {
                    return Err(problem);
                }
                job = app.queue.place_beyond(&job.ticket.owner).submit(job.ticket.clone(), job.spec.clone());
            }
            ended => return ended.map(|drawings| (job, drawings)),
        }
    }
}

fn keep(app: &Arc<App>, job: &Job, drawings: Vec<Drawing>) {
    let Ticket { id, owner, .. } = &job.ticket;
    let steps = drawings.first().map_or(0, |drawing| drawing.steps);
    let public = match app.store.generation(owner, id) {
        Ok(Some((generation, _))) => generation.request["public"] == true,
        // Deleted meanwhile, or it will be seen when it is kept.
        _ => false,
    };
    // Each picture gives way to its file.
    let images = drawings.into_iter().enumerate();
    let images = images.map(|(at, drawing)| image(&job.ticket, at, (&drawing, public)));
    let images = match images.collect::<Result<Vec<_>, Problem>>() {
        Ok(images) => images,
        Err(problem) => return give_up(app, id, &problem),
    };
    job.settle();
    let (mut pauses, mut refused) = (Pauses::new(), None);
    loop {
        let problem = match app.store.complete(id, steps, images.clone()) {
            Ok(_) => return,
            Err(problem) => problem,
        };
        tracing::warn!(generation = id, problem.message, "its pictures are not stored yet");
        // It is drawn: what may end the server now is not this one.
        put_back(app, id);
        // A data directory that refuses everything is everybody's trouble; one that has no room for these pictures is not.
        refused = refused.or_else(|| {
            (problem.code != "storage_full").then(|| Counted::new(app, |unstored| &unstored.refused))
        });
        if !pauses.wait(app) {
            return give_up(app, id, &problem);
        }
        if matches!(app.store.generation(owner, id), Ok(None)) {
            return;
        }
    }
}

fn image(ticket: &Ticket, position: usize, (drawing, public): (&Drawing, bool)) -> Result<NewImage, Problem> {
    let kind = ImageKind::Generation { id: ticket.id.clone(), position };
    let image = kept((new_uuid(), &ticket.owner), kind, (drawing, Output::PNG))?;
    Ok(NewImage { public, ..image })
}

/// There will be no pictures; but what a shutdown ended is drawn by the next start.
fn give_up(app: &App, id: &str, problem: &Problem) {
    if app.queue.is_closed() {
        return put_back(app, id);
    }
    tracing::warn!(generation = id, code = problem.code, "it failed");
    failed(app, id, &problem.message);
}

fn put_back(app: &App, id: &str) {
    if let Err(problem) = app.store.put_back(id) {
        tracing::warn!(generation = id, problem.message, "it counts as one more attempt");
    }
}

pub(super) fn failed(app: &App, id: &str, why: &str) {
    if let Err(problem) = app.store.fail(id, why) {
        tracing::error!(
            generation = id,
            problem.message,
            "its failure is not stored; the next start draws it again"
        );
    }
}
