//! What an earlier start of the server promised, and did not draw.

use std::sync::{Arc, Weak};
use std::thread;

use super::background::{PAUSE, complete, failed, generation_bytes, ticket};
use crate::app::App;
use crate::jobs::Spec;
use crate::store::Generation;

/// How often a generation may be begun. A server that ended so often in the middle of one ends of it.
const MOST_ATTEMPTS: usize = 2;

/// Draws again what an earlier start of the server promised: of each owner the oldest first, in their turn, and whatever
/// the queue's length is. What was
/// being drawn when the server died comes after all others, and not again if that was the second time.
pub(crate) fn resume(app: &Arc<App>) {
    let mut pending = app.store.pending().unwrap_or_else(|problem| {
        tracing::error!(problem.message, "unfinished generations cannot be read after the restart");
        vec![]
    });
    pending.sort_by_key(|generation| generation.attempts);
    let waiting: Vec<(Generation, Spec)> = pending
        .into_iter()
        .filter_map(|generation| Some((spec(app, &generation)?, generation)))
        .filter_map(
            |(spec, generation)| {
                if submit(app, &generation, &spec) { None } else { Some((generation, spec)) }
            },
        )
        .collect();
    if !waiting.is_empty() {
        tracing::warn!("{} generations wait until there is room for their pictures", waiting.len());
        wait_for_room(app, waiting);
    }
}

/// What is to be drawn; `None` where that cannot be: then the generation has failed.
fn spec(app: &Arc<App>, generation: &Generation) -> Option<Spec> {
    let Generation { id, attempts, .. } = generation;
    let Ok(spec) = serde_json::from_value::<Spec>(generation.spec.clone()) else {
        tracing::error!(generation = id, "its record cannot be read; it is given up");
        failed(app, id, "the server can no longer read the request");
        return None;
    };
    if *attempts >= MOST_ATTEMPTS {
        tracing::error!(generation = id, attempts, "the server ended each time it was drawn; it is given up");
        failed(
            app,
            id,
            "the server ended twice while it drew this, so it is not drawn again; ask for fewer or smaller pictures",
        );
        return None;
    }
    if let Err(problem) = app.store.could_hold(generation_bytes(&spec, generation.request.to_string().len()))
    {
        failed(app, id, &problem.message);
        return None;
    }
    Some(spec)
}

/// Puts a generation into the queue; `false` where there is no room for its pictures yet.
fn submit(app: &Arc<App>, generation: &Generation, spec: &Spec) -> bool {
    let Generation { id, owner, .. } = generation;
    let Ok(reservation) = app.store.reserve(generation_bytes(spec, 0)) else { return false };
    tracing::info!(generation = id, "drawn again, because the server stopped before it was done");
    let ticket = ticket(id.clone(), owner.clone());
    let job = app.queue.place_beyond(&ticket.owner).submit(ticket, spec.clone());
    if let Err(error) = complete(app, job.clone(), reservation) {
        tracing::error!(%error, generation = id, "no thread for it; the next start draws it");
        job.cancel();
    }
    true
}

/// Puts them into the queue one by one as room is made: each alone, so that a large one keeps no small one waiting.
fn wait_for_room(app: &Arc<App>, mut waiting: Vec<(Generation, Spec)>) {
    let app: Weak<App> = Arc::downgrade(app);
    thread::spawn(move || {
        while !waiting.is_empty() {
            thread::sleep(PAUSE);
            let Some(app) = app.upgrade().filter(|app| !app.queue.is_closed()) else { return };
            waiting.retain(|(generation, spec)| {
                let deleted = matches!(app.store.generation(&generation.owner, &generation.id), Ok(None));
                !deleted && !submit(&app, generation, spec)
            });
        }
    });
}
