//! The gate in front of a real tiny_http, asked over real sockets. Attacks are bounded in number and time.

mod answers;
mod attacks;
mod chunks;
mod connections;
mod cors;
mod counts;
mod framing;
mod latency;
mod log;
mod properties;
mod proxies;
#[cfg(unix)]
mod renewal;
mod smuggling;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Gate, Inside, Policy};
use crate::budget::Memory;
use crate::config::Limits;
use crate::crew::Crew;
use crate::http::{Client, Clients, Inner, Private, REQUEST_ID, TOKEN};
use crate::metrics::Metrics;

/// Deadlines short enough to wait for.
fn short() -> Limits {
    let time = Duration::from_millis(300);
    Limits { head_time: time, body_time: time, write_time: time, idle_time: time, ..Limits::default() }
}

/// A gate, a tiny_http behind it, and what came through.
struct Bench {
    gate: Gate,
    server: Arc<Inner>,
    seen: Seen,
    metrics: Metrics,
    _folder: tempfile::TempDir,
}

/// A request as a handler sees it.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    client: Client,
}

type Seen = Arc<Mutex<Vec<Asked>>>;

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self::with(Policy { limits, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        let (folder, clients, seen) =
            (tempfile::tempdir().unwrap(), Arc::new(Clients::default()), Seen::default());
        let private = Private::new(folder.path()).unwrap();
        let server = private.server().unwrap();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let metrics = Metrics::default();
        let inside = Inside {
            clients: Arc::clone(&clients),
            upstream: private.upstream(),
            handlers: Crew::new("test", 64 << 10, policy.limits.connections),
            memory: Memory::new(&policy.limits),
            metrics: metrics.clone(),
        };
        let gate = Gate::open(anywhere, policy, inside).unwrap();
        {
            let (server, seen) = (Arc::clone(&server), Arc::clone(&seen));
            thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    let token = request.headers().iter().find(|header| header.field.equiv(TOKEN)).unwrap();
                    let client = clients.take(token.value.as_str()).expect("only the gate asks");
                    let seen = Arc::clone(&seen);
                    thread::spawn(move || handle(request, client, &seen));
                }
            });
        }
        Self { gate, server, seen, metrics, _folder: folder }
    }

    /// The requests that handlers saw so far.
    fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.gate.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    /// Sends bytes over a new connection; all that comes back until it is closed.
    fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut socket = self.connect();
        // The gate may have closed already, with its answer on the way.
        let _ = socket.write_all(bytes.as_ref());
        rest(socket)
    }

    /// A small request of a well-behaved caller: that it is answered, and how fast.
    fn is_served(&self) -> Duration {
        let started = Instant::now();
        let answer = self.send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 "), "a caller got {answer:?}");
        started.elapsed()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// Mebibytes of memory that this process, with all tests that run in it, has now.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() / 256
}

/// Not known here without more.
#[cfg(not(target_os = "linux"))]
fn resident() -> usize {
    0
}

/// All that comes until the connection is closed or reset.
fn rest(mut socket: TcpStream) -> String {
    let mut bytes = vec![];
    let mut block = [0; 64 << 10];
    while let Ok(read @ 1..) = socket.read(&mut block) {
        bytes.extend_from_slice(&block[..read]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer with a Content-Length: its head and its body.
fn one_answer(socket: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut body).unwrap();
    (head, body)
}

/// The status of each answer in what came back.
fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)?.parse().ok()).filter(|&status| status != 100).collect()
}

/// What the real listener does, in small: reads the whole body, never lets a panic through.
fn handle(mut request: tiny_http::Request, client: Client, seen: &Seen) {
    let pair = |header: &tiny_http::Header| {
        (header.field.as_str().as_str().to_ascii_lowercase(), header.value.as_str().to_owned())
    };
    let headers: Vec<_> = request.headers().iter().map(pair).collect();
    let mut body = vec![];
    request.as_reader().read_to_end(&mut body).unwrap();
    assert_eq!(body.len(), request.body_length().unwrap_or(0), "the whole body came through");
    let (method, url) = (request.method().to_string(), request.url().to_owned());
    let asked = Asked { method, url, headers, body, client };
    seen.lock().unwrap().push(asked.clone());
    let _ = catch_unwind(AssertUnwindSafe(|| answer(request, asked)));
}

fn answer(request: tiny_http::Request, asked: Asked) {
    let whole = |body: Vec<u8>| tiny_http::Response::from_data(body).with_chunked_threshold(usize::MAX);
    match asked.url.split('?').next().unwrap() {
        "/large" => request.respond(whole(vec![b'x'; 5 << 20])).unwrap(),
        "/chunked" => request.respond(tiny_http::Response::from_data(vec![b'y'; 100_000])).unwrap(),
        "/nothing" => request.respond(tiny_http::Response::empty(204)).unwrap(),
        "/panic" => panic!("a handler that fails, as the test wants it"),
        "/vanish" => drop(request.into_writer()),
        // Works until nobody waits any more, as a drawing does; ten seconds at most.
        "/work" => {
            let started = Instant::now();
            while !asked.client.is_gone() && started.elapsed() < Duration::from_secs(10) {
                thread::sleep(Duration::from_millis(5));
            }
            let _ = request.respond(whole(b"worked".to_vec()));
        }
        "/nap" => {
            thread::sleep(Duration::from_secs(1));
            let _ = request.respond(whole(b"slept".to_vec()));
        }
        "/events" => events(request.into_writer(), &asked),
        _ => request.respond(whole(asked.body)).unwrap(),
    }
}

/// Events by hand, a tenth of a second apart: five, or `?many` until the client is gone.
fn events(mut writer: Box<dyn Write + Send>, asked: &Asked) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let most = if asked.url.ends_with("?many") { 10_000 } else { 5 };
    let mut write = |text: &str| writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    let mut written = write(head);
    for number in 0..most {
        let event = format!("data: {number}\n\n");
        written = written.and_then(|()| write(&format!("{:x}\r\n{event}\r\n", event.len())));
        if written.is_err() || asked.client.is_gone() {
            return;
        }
        thread::sleep(Duration::from_millis(if most > 5 { 1 } else { 100 }));
    }
    let _ = write("0\r\n\r\n");
}
