//! The way to the tiny_http that listens now, and what is known of its health. Whoever finds that it does not listen
//! reports it; then it is looked after, and another takes its place where it is dead.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::inner::{Inner, Stream};
use super::turn::{Turn, Turns};

/// How to reach tiny_http.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upstream(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    turns: Turns,
}

#[derive(Default)]
struct State {
    server: Weak<Inner>,
    /// Counts servers, and how often one was found to be sound.
    number: u64,
    /// Somebody did not get through to it.
    reported: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {}, reported: {}", self.number, self.reported)
    }
}

impl Upstream {
    /// A request's turn to be sent; `None` if it does not come until then.
    pub(crate) fn turn(&self, deadline: Instant) -> Option<Turn> {
        self.0.turns.take(deadline)
    }

    /// A connection to the server that listens now, and the number to report where nothing comes of it.
    pub(crate) fn connect(&self) -> (u64, io::Result<Stream>) {
        let (number, server) = {
            let state = self.lock();
            (state.number, state.server.upgrade())
        };
        let stream = match server {
            Some(server) => server.connect(),
            None => Err(io::Error::other("no server listens")),
        };
        (number, stream)
    }

    /// The server of this number did not take a request.
    pub(crate) fn report(&self, number: u64) {
        let mut state = self.lock();
        if state.number == number && !state.reported {
            state.reported = true;
            // Whoever waits for its requests looks after it.
            state.server.upgrade().iter().for_each(|server| server.unblock());
        }
    }

    /// Waits for a server that is sound since the one of this number was reported; `false` if there is none until then.
    pub(crate) fn wait(&self, number: u64, deadline: Instant) -> bool {
        let time = deadline.saturating_duration_since(Instant::now());
        let waited = self.0.changed.wait_timeout_while(self.lock(), time, |state| state.number == number);
        waited.unwrap_or_else(PoisonError::into_inner).0.number != number
    }

    /// From now on requests go to this server.
    pub(super) fn open(&self, server: &Arc<Inner>) {
        self.lock().server = Arc::downgrade(server);
        self.sound();
    }

    /// What was reported is over.
    pub(super) fn sound(&self) {
        let mut state = self.lock();
        (state.number, state.reported) = (state.number + 1, false);
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
