//! The bounded queue.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::job::{Cost, Job, Status, Ticket};
use super::models::place;
use super::speed::{Speeds, work};
use super::together::Together;
use super::turns::Turns;
use super::{ModelInfo, Spec};
use crate::problem::Problem;

/// The bounded queue. Clones are the same queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue(Arc<Shared>);

/// How many may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// Of all, beside those that are drawn.
    pub(crate) waiting: usize,
    /// Of one key; `None` where there are no keys: then all callers are one.
    pub(crate) per_key: Option<usize>,
    /// How long one job may be drawn.
    pub(crate) time: Duration,
}

#[derive(Debug)]
struct Shared {
    places: Places,
    models: Vec<ModelInfo>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    turns: Turns,
    running: Together,
    /// Whose the places are that were given and not used yet.
    promised: Vec<String>,
    speeds: Speeds,
    closed: bool,
}

/// The right to submit one job. Given back if it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Queue,
    owner: String,
    /// Whether its job is drawn beside no other.
    alone: bool,
}

/// What is in the queue at this moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Drawn together.
    pub(crate) running: Vec<Arc<Job>>,
    /// In the order in which they will be drawn if no other request comes.
    pub(crate) waiting: Vec<Arc<Job>>,
}

impl Queue {
    /// An empty queue in front of these models.
    pub(crate) fn new(places: Places, models: Vec<ModelInfo>) -> Self {
        Self(Arc::new(Shared { places, models, state: Mutex::default(), changed: Condvar::new() }))
    }

    /// Takes a place for a job of this owner's.
    ///
    /// # Errors
    /// 429 where their key has as many waiting as it may, 503 where everybody has, each with the time after which there
    /// should be one.
    pub(crate) fn place(&self, owner: &str) -> Result<Place, Problem> {
        let Places { waiting: most, per_key, time } = self.0.places;
        let mut state = self.lock();
        if state.closed {
            return Err(shutting_down());
        }
        state.turns.forget_cancelled();
        // An idle engine takes a job at once, so that one needs no place.
        let idle = usize::from(state.running.jobs.is_empty());
        let own = state.taken_by(owner);
        if let Some(most) = per_key.filter(|most| own >= most + idle) {
            let message = format!(
                "{own} requests of this key are waiting already, and --max-jobs-per-key is {most}; ask again when one of \
                 them is drawn"
            );
            let first = state.turns.order().iter().position(|job| job.ticket.owner == owner);
            return Err(Problem::too_many(
                "too_many_jobs",
                message,
                state.seconds_until(first.unwrap_or(0), time),
            ));
        }
        // What other keys have waiting must not keep one out that has nothing.
        let is_guest = per_key.is_some() && own == 0 && most > 0;
        let all = state.turns.len() + state.promised.len();
        if all >= most + idle && !is_guest {
            let message = format!("{all} requests are waiting already; try again later");
            return Err(Problem::busy("queue_full", message, state.seconds_until(0, time)));
        }
        state.promised.push(owner.to_owned());
        Ok(Place { queue: self.clone(), owner: owner.to_owned(), alone: false })
    }

    /// A place beyond all limits, for what was promised before a restart. It is drawn alone: if it was the reason why the
    /// server ended, no other shall end with it.
    pub(crate) fn place_beyond(&self, owner: &str) -> Place {
        self.lock().promised.push(owner.to_owned());
        Place { queue: self.clone(), owner: owner.to_owned(), alone: true }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot { running: state.running.jobs.clone(), waiting: state.turns.order() }
    }

    /// Closes the queue: waiting jobs fail, and no more places are given.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = state.turns.take_all();
        drop(state);
        waiting.iter().for_each(|job| job.set(Status::Failed(shutting_down())));
        self.0.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until nothing is drawn; `false` if that takes longer than `time`.
    pub(crate) fn wait_until_idle(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.running.jobs.is_empty() {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The job whose turn it is, with those after it that `goes_with` says can be drawn with it and those before them;
    /// waits for one. `None` once the queue is closed. Their time begins here.
    pub(super) fn next(&self, goes_with: impl Fn(&[Arc<Job>], &Job) -> bool) -> Option<Vec<Arc<Job>>> {
        let mut jobs = vec![self.first()?];
        // Nobody waits for the lock while prompts are read.
        while let Some(next) = self.following().filter(|next| goes_with(&jobs, next)) {
            jobs.extend(self.take_if_first(&next));
        }
        let mut state = self.lock();
        state.running.begin(self.0.places.time);
        state.tell_places();
        Some(jobs)
    }

    fn first(&self) -> Option<Arc<Job>> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.turns.pop() {
                state.running.jobs.push(job.clone());
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn following(&self) -> Option<Arc<Job>> {
        self.lock().turns.first().cloned()
    }

    /// To be drawn with those that are, unless it is another's turn meanwhile.
    fn take_if_first(&self, job: &Arc<Job>) -> Option<Arc<Job>> {
        let mut state = self.lock();
        state.turns.first().filter(|first| Arc::ptr_eq(first, job))?;
        let job = state.turns.pop()?;
        state.running.jobs.push(job.clone());
        Some(job)
    }

    /// A job that is drawn has ended, as `status` says.
    pub(super) fn finished(&self, job: &Arc<Job>, status: Status) {
        let mut state = self.lock();
        let status = match status {
            Status::Cancelled if job.cancel.is_overdue() => Status::Failed(overdue(self.0.places.time)),
            Status::Cancelled if state.closed => Status::Failed(shutting_down()),
            status => status,
        };
        if !state.running.leave(job, matches!(status, Status::Done(_))) {
            return;
        }
        if let Some((work, time)) = state.running.measured() {
            state.speeds.measured(job.pace, work, time);
        }
        if state.running.jobs.is_empty() {
            state.running = Together::default();
        } else {
            state.tell_places();
        }
        drop(state);
        job.set(status);
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Places that an owner has, used or not.
    fn taken_by(&self, owner: &str) -> usize {
        self.turns.len_of(owner) + self.promised.iter().filter(|promised| *promised == owner).count()
    }

    /// Tells everybody who waits how many are in front of them, where that has changed.
    fn tell_places(&self) {
        (self.running.jobs.len()..).zip(self.turns.order()).for_each(|(ahead, job)| job.tell_place(ahead));
    }

    /// When those that are drawn should have ended, and so many more after them; at least a second.
    fn seconds_until(&self, ahead: usize, longest: Duration) -> u64 {
        let longest = longest.as_secs_f64();
        let drawn = self.running.jobs.first().map_or(0, |job| job.pace);
        let (speed, running) = self.running.outlook(&self.speeds.of(drawn), longest);
        let speed = |pace| if pace == drawn { speed } else { self.speeds.of(pace) };
        let waiting = self.turns.order();
        let seconds = |job: &Arc<Job>| speed(job.pace).estimate(job.work).min(longest);
        let before: f64 = waiting.iter().take(ahead).map(seconds).sum();
        (running + before).ceil().max(1.0) as u64
    }
}

impl Place {
    /// Puts a job at the end of its owner's line.
    pub(crate) fn submit(self, ticket: Ticket, spec: Spec) -> Arc<Job> {
        let models = &self.queue.0.models;
        let model = place(models.iter(), &spec);
        // What is not drawn has a speed of its own.
        let pace = if spec.rework.is_some() { models.len() } else { model };
        let cost = Cost { model, pace, work: work(&models[model], &spec) };
        let alone = self.alone || spec.is_alone();
        let job = Arc::new(Job::new(ticket, spec, cost).alone(alone));
        let mut state = self.queue.lock();
        if state.closed {
            drop(state);
            job.set(Status::Failed(shutting_down()));
            return job;
        }
        state.turns.push(job.clone());
        state.tell_places();
        drop(state);
        self.queue.0.changed.notify_all();
        job
    }
}

/// The answer to jobs that a shutdown ends.
fn shutting_down() -> Problem {
    Problem::busy("shutting_down", "the server is shutting down", 10)
}

/// The answer to a job that would hold the engine for too long. A second try would end the same way.
fn overdue(longest: Duration) -> Problem {
    let message = format!(
        "this was not drawn within {0} seconds, and was stopped (--max-seconds {0}); ask for fewer pictures, fewer steps or \
         a smaller size",
        longest.as_secs()
    );
    Problem::new(400, "too_slow", message)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if let Some(at) = state.promised.iter().position(|owner| *owner == self.owner) {
            state.promised.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests;
