//! How many connections there may be, and who gives way when one more comes.
//!
//! Whoever has kept us waiting longest gives way: a connection that is idle, that sends slowly, or that has been
//! taking its answer for long; those that never showed a key before those that did. One that is being worked for
//! stays. So idle connections do no harm, however many there are.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Metrics;

/// How long a newcomer waits for the connection that gives way to be gone.
const MAKING_ROOM: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between two requests.
    Idle,
    /// A head or a body is coming in.
    Receiving,
    /// A handler has the request.
    Working,
    /// The client takes its answer.
    Sending,
    /// The last word was said.
    Closing,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    /// How long a client may take its answer before it has to give way.
    patience: Duration,
    seats: Mutex<Seats>,
    changed: Condvar,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Seats {
    taken: HashMap<u64, Taken>,
    next: u64,
}

#[derive(Debug)]
struct Taken {
    socket: Arc<TcpStream>,
    phase: Phase,
    since: Instant,
    /// Has shown a key that is right.
    known: bool,
    /// Was closed to make room, or because the gate closes.
    closed: bool,
}

/// One connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    number: u64,
}

impl Connections {
    pub(super) fn new(most: usize, patience: Duration, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { most, patience, seats: Mutex::default(), changed: Condvar::new(), metrics })
    }

    /// A seat for a newcomer, where there is one or somebody gives way.
    pub(super) fn sit(self: &Arc<Self>, socket: &Arc<TcpStream>) -> Option<Seat> {
        let mut seats = self.lock();
        if seats.taken.len() >= self.most {
            // Somebody may be on the way out already; otherwise somebody is sent.
            if !seats.taken.values().any(|taken| taken.closed) {
                if !seats.close_slowest(self.patience, &WAITING) {
                    return None;
                }
                self.metrics.closed("made_room");
            }
            let full = |seats: &mut Seats| seats.taken.len() >= self.most;
            seats = self.wait(seats, MAKING_ROOM, full)?;
        }
        let number = seats.next;
        seats.next += 1;
        let (phase, since) = (Phase::Idle, Instant::now());
        seats
            .taken
            .insert(number, Taken { socket: Arc::clone(socket), phase, since, known: false, closed: false });
        self.metrics.connections(seats.taken.len());
        Some(Seat { connections: Arc::clone(self), number })
    }

    /// Closes the connection that has kept us waiting longest, where its thread or its descriptor is needed; `false`
    /// if all are being worked for.
    pub(super) fn make_room(&self) -> bool {
        self.close_one(self.patience, &WAITING)
    }

    /// Closes the client that has been taking its answer for longest, so that its memory is given back; `false` if
    /// there is none.
    pub(super) fn close_slowest_reader(&self) -> bool {
        self.close_one(Duration::ZERO, &[Phase::Sending])
    }

    fn close_one(&self, patience: Duration, phases: &[Phase]) -> bool {
        let closed = self.lock().close_slowest(patience, phases);
        if closed {
            self.metrics.closed("made_room");
        }
        closed
    }

    /// Closes the connections on which nothing is going on.
    pub(super) fn close_idle(&self) {
        self.lock().close(|taken| taken.phase == Phase::Idle);
    }

    /// Closes every connection.
    pub(super) fn close_all(&self) {
        self.lock().close(|_| true);
    }

    /// Waits until no connection is in the middle of a request; whether that came to be.
    pub(super) fn wait_idle(&self, time: Duration) -> bool {
        let busy = |phase| matches!(phase, Phase::Receiving | Phase::Working | Phase::Sending);
        let any = |seats: &mut Seats| seats.taken.values().any(|taken| busy(taken.phase));
        self.wait(self.lock(), time, any).is_some()
    }

    /// Waits while `busy`; nothing if it stays so.
    fn wait<'a>(
        &'a self,
        seats: MutexGuard<'a, Seats>,
        time: Duration,
        busy: impl FnMut(&mut Seats) -> bool,
    ) -> Option<MutexGuard<'a, Seats>> {
        let waited = self.changed.wait_timeout_while(seats, time, busy);
        let (seats, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then_some(seats)
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection does that waits for its client.
const WAITING: [Phase; 4] = [Phase::Idle, Phase::Receiving, Phase::Sending, Phase::Closing];

impl Seats {
    /// Closes whoever has been longest in one of these phases; `false` if there is nobody.
    fn close_slowest(&mut self, patience: Duration, phases: &[Phase]) -> bool {
        let now = Instant::now();
        let may = |taken: &Taken| {
            let waited = now.saturating_duration_since(taken.since);
            !taken.closed
                && phases.contains(&taken.phase)
                && (taken.phase != Phase::Sending || waited >= patience)
        };
        let slowest = self.taken.values_mut().filter(|taken| may(taken));
        let slowest = slowest.min_by_key(|taken| (taken.known, taken.since));
        slowest.map(Taken::close).is_some()
    }

    fn close(&mut self, which: impl Fn(&Taken) -> bool) {
        self.taken.values_mut().filter(|taken| which(taken)).for_each(Taken::close);
    }
}

impl Taken {
    fn close(&mut self) {
        self.closed = true;
        // Wakes the thread that reads or writes; an error means that the client was faster.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Seat {
    /// The connection does something else now; `false` if it was closed to make room.
    pub(super) fn enter(&self, phase: Phase) -> bool {
        let mut seats = self.connections.lock();
        let Some(taken) = seats.taken.get_mut(&self.number) else { return false };
        (taken.phase, taken.since) = (phase, Instant::now());
        self.connections.changed.notify_all();
        !taken.closed
    }

    /// Its client showed a key that is right.
    pub(super) fn recognise(&self) {
        if let Some(taken) = self.connections.lock().taken.get_mut(&self.number) {
            taken.known = true;
        }
    }

    /// Whether it was closed by us.
    pub(super) fn was_closed(&self) -> bool {
        self.connections.lock().taken.get(&self.number).is_none_or(|taken| taken.closed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.connections.lock();
        seats.taken.remove(&self.number);
        self.connections.metrics.connections(seats.taken.len());
        self.connections.changed.notify_all();
    }
}
