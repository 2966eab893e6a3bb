//! Threads that take tasks. A thread is engaged before there is a task for it, so that nothing is begun for which
//! there is no thread: where the system gives none, whoever wants one learns it at once, and can do without.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread beyond those that were reserved waits for a task before it ends.
const IDLE: Duration = Duration::from_secs(5);

type Task = Box<dyn FnOnce() + Send>;

/// Threads that take tasks.
pub(crate) struct Crew {
    name: &'static str,
    /// Bytes of each thread's stack.
    stack: usize,
    /// Threads that are engaged at once.
    most: usize,
    state: Mutex<State>,
    /// There is a task, or the crew is dismissed.
    work: Condvar,
    /// A thread is free again.
    freed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    threads: usize,
    /// As many threads are spoken for, and never more than there are.
    engaged: usize,
    /// Threads that stay, whether there is a task or not.
    reserved: usize,
    dismissed: bool,
}

/// A thread that is spoken for; free for others when dropped.
#[derive(Debug)]
pub(crate) struct Engaged(Arc<Crew>);

impl Crew {
    pub(crate) fn new(name: &'static str, stack: usize, most: usize) -> Arc<Self> {
        let (state, work, freed) = (Mutex::default(), Condvar::new(), Condvar::new());
        Arc::new(Self { name, stack, most, state, work, freed })
    }

    /// Starts so many threads, which stay; as many as the system gives.
    pub(crate) fn reserve(self: &Arc<Self>, threads: usize) {
        let mut state = self.lock();
        while state.reserved < threads && self.grow(&mut state) {
            state.reserved += 1;
        }
    }

    /// Engages a thread, unless all but `spared` are engaged already, or the system gives none. Waits so long for one.
    pub(crate) fn engage(self: &Arc<Self>, spared: usize, patience: Duration) -> Option<Engaged> {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let may = !state.dismissed && state.engaged < self.most.saturating_sub(spared);
            if may && (state.engaged < state.threads || self.grow(&mut state)) {
                state.engaged += 1;
                return Some(Engaged(Arc::clone(self)));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.dismissed {
                return None;
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A task for the thread that was engaged for it; it waits for whichever is free next.
    pub(crate) fn give(&self, task: impl FnOnce() + Send + 'static) {
        self.lock().tasks.push_back(Box::new(task));
        self.work.notify_one();
    }

    /// Threads end when they have nothing to do.
    pub(crate) fn dismiss(&self) {
        self.lock().dismissed = true;
        self.work.notify_all();
        self.freed.notify_all();
    }

    /// One thread more; `false` if the system gives none.
    fn grow(self: &Arc<Self>, state: &mut State) -> bool {
        let crew = Arc::clone(self);
        let thread = thread::Builder::new().name(self.name.into()).stack_size(self.stack);
        let started = thread.spawn(move || crew.work()).is_ok();
        state.threads += usize::from(started);
        started
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.tasks.pop_front() {
                drop(state);
                if catch_unwind(AssertUnwindSafe(task)).is_err() {
                    tracing::error!(thread = self.name, "a task panicked");
                }
                state = self.lock();
                continue;
            }
            if state.dismissed {
                break;
            }
            let waited = self.work.wait_timeout(state, IDLE);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            let spare = state.threads > state.reserved.max(state.engaged);
            if timeout.timed_out() && state.tasks.is_empty() && spare {
                break;
            }
        }
        state.threads -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "{}: {} threads, {} engaged of {}", self.name, state.threads, state.engaged, self.most)
    }
}

impl Drop for Engaged {
    fn drop(&mut self) {
        self.0.lock().engaged -= 1;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const STACK: usize = 64 << 10;
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn no_more_are_engaged_than_there_may_be() {
        let crew = Crew::new("test", STACK, 3);
        let first = crew.engage(1, Duration::ZERO).unwrap();
        let _second = crew.engage(1, Duration::ZERO).unwrap();
        assert!(crew.engage(1, Duration::ZERO).is_none(), "one is spared");
        let _third = crew.engage(0, Duration::ZERO).unwrap();
        assert!(crew.engage(0, Duration::from_millis(20)).is_none());
        let waiting = thread::scope(|scope| {
            let waiting = scope.spawn(|| crew.engage(0, LONG).is_some());
            thread::sleep(Duration::from_millis(20));
            drop(first);
            waiting.join().unwrap()
        });
        assert!(waiting, "the one that was freed is taken");
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let crew = Crew::new("test", STACK, 2);
        crew.reserve(2);
        for _ in 0..20 {
            let engaged = crew.engage(0, LONG).unwrap();
            crew.give(move || {
                let _engaged = engaged;
                panic!("a task that fails, as the test wants it");
            });
        }
        let (send, receive) = channel();
        let _engaged = crew.engage(0, LONG).unwrap();
        crew.give(move || send.send(7).unwrap());
        assert_eq!(receive.recv_timeout(LONG), Ok(7));
        assert_eq!(crew.lock().threads, 2);
    }

    #[test]
    fn a_dismissed_crew_finishes_what_it_was_given_and_takes_nothing_more() {
        let crew = Crew::new("test", STACK, 1);
        let (send, receive) = channel();
        let _engaged = crew.engage(0, LONG).unwrap();
        crew.give(move || send.send(7).unwrap());
        crew.dismiss();
        assert_eq!(receive.recv_timeout(LONG), Ok(7));
        assert!(crew.engage(0, LONG).is_none());
        let end = Instant::now() + LONG;
        while crew.lock().threads > 0 {
            assert!(Instant::now() < end, "{crew:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
