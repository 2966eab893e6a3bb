//! tiny_http behind the gate, and who looks after it: it stops listening for ever when it once cannot accept, and
//! panics where it gets no thread. Then another takes its place, and the gate sends again what had not arrived.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tiny_http::Request;

use super::inner::Inner;
use super::private::Private;
use super::serve::{Respond, serve, token, turn_away};
use super::{Clients, TOKEN, random_hex};
use crate::budget::Memory;
use crate::crew::Crew;
use crate::error::Result;
use crate::metrics::Metrics;

/// How long to wait before making another tiny_http again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How long a tiny_http may take to receive a request that is only to show whether it does.
const PROOF: Duration = Duration::from_secs(2);
/// Threads that tiny_http starts, and dies of if it gets none: the one that accepts, four that read, and one to spare.
const ITS_THREADS: usize = 6;

/// tiny_http, being served until this is dropped.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What answers requests, and who counts.
pub(crate) struct Handlers {
    /// Who came through the gate.
    pub(crate) clients: Arc<Clients>,
    /// A thread for each request; the gate engages it.
    pub(crate) crew: Arc<Crew>,
    pub(crate) memory: Memory,
    pub(crate) metrics: Metrics,
    pub(crate) respond: Arc<Respond>,
}

struct Shared {
    private: Private,
    handlers: Handlers,
    /// The server that listens now.
    server: Mutex<Option<Arc<Inner>>>,
    stopping: AtomicBool,
}

impl Listener {
    /// Listens in private.
    ///
    /// # Errors
    /// The operating system gives no socket or no thread.
    pub(crate) fn start(private: Private, handlers: Handlers) -> Result<Self> {
        let first = open(&private).map_err(|error| private.unusable(&error))?;
        let server = Mutex::new(Some(first.clone()));
        let shared = Arc::new(Shared { private, handlers, server, stopping: AtomicBool::new(false) });
        let listening = shared.clone();
        let listen = move || listening.listen(first);
        let thread = thread::Builder::new().name("fulmen-http".into()).spawn(listen);
        let thread = thread.map_err(|error| shared.private.unusable(&error))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

#[cfg(all(test, unix))]
impl Listener {
    /// Ends the thread that accepts, of the server that listens now or next.
    pub(crate) fn break_server(&self) {
        while self.shared.server().as_ref().map(|server| server.break_listener()).is_none() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Wakes whoever takes requests, as a report does.
    pub(crate) fn unblock_server(&self) {
        self.shared.server().iter().for_each(|server| server.unblock());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(server) = self.shared.server().as_ref() {
            server.unblock();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        self.shared.server().take();
        self.shared.handlers.crew.dismiss();
    }
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Takes requests. An error is the end of this tiny_http, or a report that it may have ended.
    fn listen(&self, mut server: Arc<Inner>) {
        while !self.is_stopping() {
            match server.recv() {
                Ok(request) => self.receive(request),
                Err(_) if self.is_stopping() => {}
                Err(_) if self.is_sound(&server) => self.private.upstream().sound(),
                Err(error) => {
                    tracing::warn!(%error, "the server behind the gate has ended; another takes its place");
                    // What it had received already is answered, before it goes.
                    while let Ok(Some(request)) = server.try_recv() {
                        self.receive(request);
                    }
                    *self.server() = None;
                    drop(server);
                    let Some(next) = self.renewed() else { return };
                    server = next;
                }
            }
        }
    }

    /// Another tiny_http that was seen to receive a request; `None` if no more are wanted.
    fn renewed(&self) -> Option<Arc<Inner>> {
        let mut pause = PAUSE.0;
        while !self.is_stopping() {
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE.1);
            let made = open(&self.private).and_then(|server| match self.is_sound(&server) {
                true => Ok(server),
                false => Err(io::Error::other("it receives nothing")),
            });
            match made {
                Ok(server) => {
                    self.handlers.metrics.renewed();
                    *self.server() = Some(server.clone());
                    self.private.upstream().sound();
                    tracing::info!("the server behind the gate was replaced");
                    return Some(server);
                }
                Err(error) => tracing::warn!(%error, "the server behind the gate cannot be replaced yet"),
            }
        }
        None
    }

    /// Whether this tiny_http receives a request of ours; others that come meanwhile are taken as ever.
    fn is_sound(&self, server: &Inner) -> bool {
        let expected = random_hex::<16>();
        let Ok(mut stream) = server.connect() else { return false };
        let request = format!("GET / HTTP/1.1\r\n{TOKEN}: {expected}\r\nConnection: close\r\n\r\n");
        if stream.set_timeouts(PROOF, PROOF).and_then(|()| stream.write_all(request.as_bytes())).is_err() {
            return false;
        }
        let deadline = Instant::now() + PROOF;
        while Instant::now() < deadline && !self.is_stopping() {
            match server.recv_timeout(PROOF / 10) {
                Ok(Some(request)) if token(&request) == Some(&expected) => {
                    turn_away(request);
                    // The word is heard, so that closing the socket is no error on the other side.
                    return stream.read(&mut [0; 64]).is_ok();
                }
                Ok(Some(request)) => self.receive(request),
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn receive(&self, request: Request) {
        let client = token(&request).and_then(|token| self.handlers.clients.take(token));
        let Some(client) = client else { return self.handlers.crew.give(|| turn_away(request)) };
        let (respond, memory) = (self.handlers.respond.clone(), self.handlers.memory.clone());
        self.handlers.crew.give(move || serve(request, (client, memory), respond.as_ref()));
    }

    fn server(&self) -> MutexGuard<'_, Option<Arc<Inner>>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new tiny_http. It panics where the system gives it no threads, so those are tried first.
fn open(private: &Private) -> io::Result<Arc<Inner>> {
    try_threads()?;
    let made = catch_unwind(AssertUnwindSafe(|| private.server()));
    made.unwrap_or_else(|_| Err(io::Error::other("there is no thread for it")))
}

/// Whether the system gives as many threads as tiny_http needs at once.
fn try_threads() -> io::Result<()> {
    let waiting = Arc::new(Mutex::new(()));
    let held = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let one = |_| {
        let waiting = waiting.clone();
        thread::Builder::new().stack_size(64 << 10).spawn(move || drop(waiting.lock()))
    };
    let started: Vec<_> = (0..ITS_THREADS).map(one).collect();
    drop(held);
    let mut tried = Ok(());
    for thread in started {
        match thread {
            Ok(thread) => drop(thread.join()),
            Err(error) => tried = Err(error),
        }
    }
    // A thread that was waited for is still counted for a moment.
    thread::sleep(Duration::from_millis(2));
    tried
}
