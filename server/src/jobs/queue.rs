//! The bounded queue.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Spec;
use super::job::{Job, Progress, Status, Ticket};
use super::speed::Speed;
use crate::problem::Problem;

/// The bounded queue. Clones are the same queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Job>>,
    running: Option<(Arc<Job>, Instant)>,
    /// Places that were given and not used yet.
    promised: usize,
    speed: Speed,
    closed: bool,
}

/// The right to submit one job. Given back if it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Queue,
}

/// What is in the queue at this moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) running: Option<Arc<Job>>,
    /// In the order in which they will be drawn.
    pub(crate) waiting: Vec<Arc<Job>>,
}

impl Queue {
    /// An empty queue of `capacity` places beside the running job's.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Shared { capacity, state: Mutex::default(), changed: Condvar::new() }))
    }

    /// Takes a place.
    ///
    /// # Errors
    /// 503 with the time after which there should be one.
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        let mut state = self.lock();
        if state.closed {
            return Err(shutting_down());
        }
        state.waiting.retain(|job| matches!(job.status(), Status::Queued));
        // An idle engine takes a job at once, so that one needs no place.
        let free = self.0.capacity + usize::from(state.running.is_none());
        if state.waiting.len() + state.promised >= free {
            let waiting = state.waiting.len();
            let message = format!("{waiting} requests are waiting already; try again later");
            return Err(Problem::busy("queue_full", message, state.seconds_until_a_place()));
        }
        state.promised += 1;
        Ok(Place { queue: self.clone() })
    }

    /// A place beyond the queue's capacity, for what was promised before a restart.
    pub(crate) fn place_beyond(&self) -> Place {
        self.lock().promised += 1;
        Place { queue: self.clone() }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let waiting =
            state.waiting.iter().filter(|job| matches!(job.status(), Status::Queued)).cloned().collect();
        Snapshot { running: state.running.as_ref().map(|(job, _)| job.clone()), waiting }
    }

    /// Ends the queue: what waits is told so, and no place is given any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
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
        while state.running.is_some() {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The next job; waits for one. `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Arc<Job>> {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.waiting.pop_front() {
                if matches!(job.status(), Status::Queued) {
                    state.running = Some((job.clone(), Instant::now()));
                    for (place, job) in state.waiting.iter().enumerate() {
                        job.tell(Progress::Queued(place + 1));
                    }
                    return Some(job);
                }
            }
            if state.closed {
                return None;
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The running job has ended, as `status` says.
    pub(super) fn finished(&self, status: Status) {
        let mut state = self.lock();
        let status = match status {
            Status::Cancelled if state.closed => Status::Failed(shutting_down()),
            status => status,
        };
        if let Some((job, start)) = state.running.take() {
            if matches!(status, Status::Done(_)) {
                state.speed.measured(&job.spec, start.elapsed());
            }
            drop(state);
            job.set(status);
        }
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When the running job should have ended.
    fn seconds_until_a_place(&self) -> u64 {
        let seconds = match (&self.running, self.waiting.front()) {
            (Some((job, start)), _) => self.speed.estimate(&job.spec) - start.elapsed().as_secs_f64(),
            (None, Some(job)) => self.speed.estimate(&job.spec),
            (None, None) => 1.0,
        };
        seconds.ceil().clamp(1.0, 3600.0) as u64
    }
}

impl Place {
    /// Puts a job at the end of the queue.
    pub(crate) fn submit(self, ticket: Ticket, spec: Spec) -> Arc<Job> {
        let job = Arc::new(Job::new(ticket, spec));
        let mut state = self.queue.lock();
        if state.closed {
            drop(state);
            job.set(Status::Failed(shutting_down()));
            return job;
        }
        let ahead = state.waiting.len() + usize::from(state.running.is_some());
        job.tell(Progress::Queued(ahead));
        state.waiting.push_back(job.clone());
        drop(state);
        self.queue.0.changed.notify_all();
        job
    }
}

/// What those are told whose job a shutdown ends.
fn shutting_down() -> Problem {
    Problem::busy("shutting_down", "the server is shutting down", 10)
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.lock().promised -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Client;

    fn spec() -> Spec {
        let (prompt, images) = ("a cat".to_owned(), 1);
        let (negative_prompt, steps, guidance, contrast) = (None, None, None, None);
        Spec { prompt, negative_prompt, width: 8, height: 8, images, seed: 1, steps, guidance, contrast }
    }

    fn ticket(id: &str) -> Ticket {
        Ticket { id: id.into(), owner: "local".into(), previews: 0 }
    }

    fn submit(queue: &Queue, id: &str) -> Arc<Job> {
        queue.place().unwrap().submit(ticket(id), spec())
    }

    #[test]
    fn beyond_its_capacity_the_queue_says_when_to_come_back() {
        let queue = Queue::new(1);
        let _running = submit(&queue, "1");
        assert_eq!(queue.next().unwrap().ticket.id, "1");
        let _waiting = submit(&queue, "2");
        let problem = queue.place().unwrap_err();
        assert_eq!((problem.status, problem.code), (503, "queue_full"));
        assert!(problem.retry_after.is_some_and(|seconds| seconds >= 1), "{problem:?}");
    }

    #[test]
    fn a_place_that_is_not_used_is_given_back() {
        let queue = Queue::new(0);
        let place = queue.place().unwrap();
        assert!(queue.place().is_err(), "the only place is promised");
        drop(place);
        assert!(queue.place().is_ok());
    }

    #[test]
    fn a_cancelled_job_leaves_its_place_and_is_not_drawn() {
        let queue = Queue::new(0);
        let first = submit(&queue, "1");
        first.cancel();
        let second = submit(&queue, "2");
        assert_eq!(queue.next().unwrap().ticket.id, "2");
        assert_eq!(first.wait(&Client::default()).unwrap_err().code, "cancelled");
        drop(second);
    }

    #[test]
    fn who_hangs_up_cancels_their_job() {
        let queue = Queue::new(1);
        let job = submit(&queue, "1");
        let client = Client::default();
        client.hang_up();
        assert_eq!(job.wait(&client).unwrap_err().code, "cancelled");
        assert!(job.cancel.check().is_err(), "the engine sees it");
    }

    #[test]
    fn a_closed_queue_tells_those_who_wait_and_those_who_come() {
        let queue = Queue::new(2);
        let job = submit(&queue, "1");
        queue.close();
        assert_eq!(job.wait(&Client::default()).unwrap_err().code, "shutting_down");
        assert_eq!(queue.place().unwrap_err().code, "shutting_down");
        assert!(queue.next().is_none());
    }

    #[test]
    fn one_who_watches_is_told_everything_in_order() {
        let queue = Queue::new(2);
        let _first = submit(&queue, "1");
        let job = submit(&queue, "2");
        let (one, two) = (queue.next().unwrap(), queue.clone());
        assert_eq!(one.ticket.id, "1");
        queue.finished(Status::Done(vec![]));
        std::thread::spawn(move || {
            let job = two.next().unwrap();
            job.tell(Progress::Step { step: 1, steps: 1 });
            two.finished(Status::Done(vec![]));
        });
        let mut told = vec![];
        let end = job.watch(&Client::default(), &mut |progress| {
            told.push(format!("{progress:?}"));
            Ok(())
        });
        assert!(end.is_ok());
        assert_eq!(told[0], "Queued(1)");
        assert_eq!(told.last().unwrap(), "Step { step: 1, steps: 1 }");
    }
}
