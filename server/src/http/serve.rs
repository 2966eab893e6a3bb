//! One request behind tiny_http: read, answered, written.

use std::io::{self, Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tiny_http::{Header, Response, StatusCode};

use super::{Answer, Body, Client, Events, Method, REQUEST_ID, Request, TOKEN};
use crate::budget::Memory;
use crate::clock::http_date;
use crate::problem::{Family, Problem, reason};

/// What answers a request.
pub(crate) type Respond = dyn Fn(Request) -> Answer + Send + Sync;

/// The token of a request, by which its client is found.
pub(super) fn token(theirs: &tiny_http::Request) -> Option<&str> {
    let mut headers = theirs.headers().iter();
    headers
        .find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(TOKEN))
        .map(|h| h.value.as_str())
}

/// Answers a request that did not come through the gate: someone on this machine found the private way.
pub(super) fn turn_away(theirs: tiny_http::Request) {
    drop(theirs.respond(Response::empty(403).with_header(date())));
}

/// Answers a request.
pub(super) fn serve(mut theirs: tiny_http::Request, (client, memory): (Client, Memory), respond: &Respond) {
    let Some(request) = read(&mut theirs, client, memory) else { return turn_away(theirs) };
    let family = Family::of_path(&request.path);
    let answer = catch_unwind(AssertUnwindSafe(|| respond(request))).unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        family.answer(&Problem::internal())
    });
    // Whoever hung up does not hear the answer; the gate has logged it.
    drop(write(theirs, answer));
}

/// The request as handlers see it; `None` if it is not whole.
fn read(theirs: &mut tiny_http::Request, client: Client, memory: Memory) -> Option<Request> {
    let headers: Vec<(String, String)> = theirs
        .headers()
        .iter()
        .map(|header| (header.field.as_str().as_str().to_ascii_lowercase(), header.value.as_str().to_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
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
    let is_whole = body.len() == length;
    is_whole.then(|| Request { id, method, path, query, headers, body: body.into(), client, memory })
}

fn write(theirs: tiny_http::Request, answer: Answer) -> io::Result<()> {
    // Until the gate has taken it.
    let _share = answer.share;
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
