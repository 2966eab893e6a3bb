//! Connections to the database, and who has one at the moment. A caller waits for one no longer than it said.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::fault::Fault;

/// So many connections at most, opened when they are needed.
#[derive(Debug)]
pub(super) struct Pool {
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    /// Idle ones, and those that somebody has.
    open: usize,
    /// None is given any more.
    closed: bool,
    /// Whoever still has one closes it.
    drained: bool,
}

/// A connection that somebody has; given back on drop.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Pool {
    /// A pool that begins with one connection.
    pub(super) fn new(most: usize, first: Connection) -> Self {
        let state = State { idle: vec![first], open: 1, ..State::default() };
        Self { most, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes a connection; opens one more where all are taken and there may be more. `None`: none was free in time.
    pub(super) fn take(
        &self,
        wait: Duration,
        open: impl Fn() -> Result<Connection, Fault>,
    ) -> Result<Option<Taken<'_>>, Fault> {
        let end = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(Fault::Closed);
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(Some(Taken { pool: self, connection: Some(connection) }));
            }
            if state.open < self.most {
                // Where none is available, one of those that are open will be free soon.
                if let Ok(connection) = open() {
                    state.open += 1;
                    return Ok(Some(Taken { pool: self, connection: Some(connection) }));
                }
            }
            let Some(left) = end.checked_duration_since(Instant::now()) else { return Ok(None) };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives no connection any more, waits for those that are taken, and returns all that came back in time. The
    /// others are closed by who has them.
    pub(super) fn close(&self, wait: Duration) -> Vec<Connection> {
        let end = Instant::now() + wait;
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_all();
        while state.idle.len() < state.open {
            let Some(left) = end.checked_duration_since(Instant::now()) else { break };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.drained = true;
        std::mem::take(&mut state.idle)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if !state.drained {
            state.idle.extend(self.connection.take());
        }
        drop(state);
        // All: one may wait for the pool to close.
        self.pool.changed.notify_all();
    }
}

impl Deref for Taken<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until it is given back")
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is there until it is given back")
    }
}
