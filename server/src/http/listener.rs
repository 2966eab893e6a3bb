//! tiny_http behind the gate: a thread for each request, as many as the gate lets through.

use std::io::{self, Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tiny_http::{Header, Response, Server, StatusCode};

use super::{Answer, Body, Clients, Events, Method, Private, REQUEST_ID, Request, TOKEN};
use crate::clock::http_date;
use crate::metrics::Metrics;
use crate::problem::{Family, Problem, reason};

/// What answers a request.
pub(crate) type Respond = dyn Fn(Request) -> Answer + Send + Sync;

/// How long to wait before listening again after tiny_http gave up.
const PAUSE: Duration = Duration::from_millis(200);

/// tiny_http, being served until this is dropped.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    private: Private,
    clients: Arc<Clients>,
    metrics: Metrics,
    respond: Arc<Respond>,
    /// The server that listens now.
    server: Mutex<Option<Arc<Server>>>,
    stopping: AtomicBool,
}

impl Listener {
    /// Listens in private.
    ///
    /// # Errors
    /// The operating system gives no socket or no thread.
    pub(crate) fn start(
        private: Private,
        clients: Arc<Clients>,
        metrics: Metrics,
        respond: Arc<Respond>,
    ) -> io::Result<Self> {
        let first = Arc::new(private.server()?);
        let server = Mutex::new(Some(first.clone()));
        let shared =
            Arc::new(Shared { private, clients, metrics, respond, server, stopping: AtomicBool::new(false) });
        let listening = shared.clone();
        let thread =
            thread::Builder::new().name("fulmen-http".into()).spawn(move || listening.listen(first))?;
        Ok(Self { shared, thread: Some(thread) })
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
    }
}

impl Shared {
    /// Takes requests. tiny_http ends for ever when it once cannot accept, for instance for want of descriptors; then
    /// another takes its place.
    fn listen(self: &Arc<Self>, first: Arc<Server>) {
        let mut server = Some(first);
        while !self.stopping.load(Ordering::Relaxed) {
            match server.as_ref().map(|server| server.recv()) {
                Some(Ok(request)) => self.spawn(request),
                Some(Err(error)) if !self.stopping.load(Ordering::Relaxed) => {
                    tracing::warn!(%error, "the inner server ended; another takes its place");
                    self.metrics.renewed();
                    server = None;
                }
                Some(Err(_)) => {}
                None => {
                    thread::sleep(PAUSE);
                    server = self.private.server().map(Arc::new).ok();
                    self.server().clone_from(&server);
                }
            }
        }
    }

    fn spawn(self: &Arc<Self>, request: tiny_http::Request) {
        let shared = self.clone();
        let serve = move || serve(request, &shared.clients, shared.respond.as_ref());
        if let Err(error) = thread::Builder::new().name("fulmen-request".into()).spawn(serve) {
            // The request went with the closure, and tiny_http answers 500 for it.
            tracing::error!(%error, "no thread for a request");
        }
    }

    fn server(&self) -> MutexGuard<'_, Option<Arc<Server>>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(mut theirs: tiny_http::Request, clients: &Clients, respond: &Respond) {
    let Some(request) = read(&mut theirs, clients) else {
        // Someone on this machine found the private socket.
        drop(theirs.respond(Response::empty(403).with_header(date())));
        return;
    };
    let answer = catch_unwind(AssertUnwindSafe(|| respond(request))).unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        Family::OpenAi.answer(&Problem::internal())
    });
    // Whoever hung up does not hear the answer; the gate has logged it.
    drop(write(theirs, answer));
}

/// The request as handlers see it; `None` if it did not come through the gate whole.
fn read(theirs: &mut tiny_http::Request, clients: &Clients) -> Option<Request> {
    let headers: Vec<(String, String)> = theirs
        .headers()
        .iter()
        .map(|header| (header.field.as_str().as_str().to_ascii_lowercase(), header.value.as_str().to_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let client = clients.take(&find(TOKEN)?)?;
    let id = find(REQUEST_ID)?;
    let (path, query) = theirs.url().split_once('?').unwrap_or((theirs.url(), ""));
    let path = path.to_owned();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let method = match theirs.method() {
        tiny_http::Method::Get => Method::Get,
        tiny_http::Method::Head => Method::Head,
        tiny_http::Method::Post => Method::Post,
        tiny_http::Method::Delete => Method::Delete,
        tiny_http::Method::Options => Method::Options,
        _ => Method::Other,
    };
    let length = theirs.body_length().unwrap_or(0);
    let mut body = Vec::with_capacity(length);
    theirs.as_reader().take(length as u64).read_to_end(&mut body).ok()?;
    (body.len() == length).then_some(Request { id, method, path, query, headers, body, client })
}

fn write(theirs: tiny_http::Request, answer: Answer) -> io::Result<()> {
    match answer.body {
        Body::Bytes(bytes) => {
            let length = bytes.len();
            let headers = answer
                .headers
                .iter()
                .filter_map(|(name, value)| Header::from_bytes(*name, value.as_str()).ok())
                .chain([date()]);
            let status = StatusCode(answer.status);
            let response = Response::new(status, headers.collect(), Cursor::new(bytes), Some(length), None);
            theirs.respond(response.with_chunked_threshold(usize::MAX))
        }
        Body::Events(stream) => {
            // tiny_http sends nothing before 8 KiB have come together; events must go out one by one.
            let mut socket = theirs.into_writer();
            write!(socket, "HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status))?;
            for (name, value) in &answer.headers {
                write!(socket, "{name}: {value}\r\n")?;
            }
            socket.write_all(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")?;
            socket.flush()?;
            let mut chunks = Chunks { socket };
            stream(&mut Events::new(&mut chunks))?;
            chunks.socket.write_all(b"0\r\n\r\n")?;
            chunks.socket.flush()
        }
    }
}

/// Written by us: tiny_http panics where the clock is beyond the year 9999.
fn date() -> Header {
    Header::from_bytes("Date", http_date()).expect("dates are ASCII")
}

/// Every write as one chunk of HTTP's chunked coding.
struct Chunks {
    socket: Box<dyn Write + Send>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            write!(self.socket, "{:x}\r\n", bytes.len())?;
            self.socket.write_all(bytes)?;
            self.socket.write_all(b"\r\n")?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
