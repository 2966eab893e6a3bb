//! Threads that make pipelines while the one that asked for them does something else, such as copying weights.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::Shared;
use super::pipelines::Wanted;

/// The threads of one device. They come when there is something to make, and go when there is nothing.
pub(super) struct Makers {
    /// At once.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was asked for first is made first.
    waiting: VecDeque<Arc<Wanted>>,
    working: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Makers {
    /// As many as there are processors. None where a driver has one context for all threads, as GL's has: whoever needs
    /// a pipeline then makes it.
    pub(super) fn new(shares_a_context: bool) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { most: if shares_a_context { 0 } else { processors }, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets threads make these, and does not wait. Where the system gives no thread, nothing is lost: see
    /// [`super::pipelines::Pipelines::make`].
    pub(super) fn begin(shared: &Arc<Shared>, wanted: impl Iterator<Item = Arc<Wanted>>) {
        let mut state = shared.makers.lock();
        if shared.makers.most == 0 {
            return;
        }
        state.waiting.extend(wanted.filter(|wanted| wanted.pipeline().is_err()));
        state.threads.retain(|thread| !thread.is_finished());
        let wanted = state.waiting.len().min(shared.makers.most);
        while state.working < wanted {
            let shared = shared.clone();
            let thread = thread::Builder::new().name("kernels".into()).spawn(move || work(&shared));
            let Ok(thread) = thread else { return };
            state.threads.push(thread);
            state.working += 1;
        }
    }

    /// Makes nothing more, and waits for what is being made: a driver does not bear that a program ends under it.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.waiting.clear();
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        // One that panicked has said so, and what it did not make is made by whoever needs it.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// Makes what is waiting, until nothing is. The last thread to leave saves what the driver compiled.
fn work(shared: &Shared) {
    let seat = Seat(shared);
    while let Some(wanted) = shared.makers.next() {
        // An error stays with the pipeline, for whoever needs it.
        drop(shared.pipelines.make(&shared.device, &wanted));
    }
    drop(seat);
}

impl Makers {
    fn next(&self) -> Option<Arc<Wanted>> {
        self.lock().waiting.pop_front()
    }
}

/// A thread at work; also one that panics leaves.
struct Seat<'a>(&'a Shared);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.0.makers.lock();
        state.working -= 1;
        let is_last = state.working == 0;
        drop(state);
        if is_last && !thread::panicking() {
            self.0.pipelines.save();
        }
    }
}
