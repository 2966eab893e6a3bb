//! A handler's answer, as tiny_http writes it over the private way.

use std::io;
use std::time::Duration;

use super::chunked::Chunked;
use super::head::Length;
use super::reply::Reply;
use super::wire::{Wire, passes, read_behind};
use crate::http::Client;
use crate::http::Stream;

/// How often a client is looked after while a handler works for it.
const POLL: Duration = Duration::from_millis(200);
/// Bytes of the head of an answer, which our own handlers write.
const MOST_HEAD: usize = 64 << 10;
/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// The answer to one request, while it comes.
pub(super) struct Source<'a> {
    stream: Stream,
    /// Bytes that came and are not used yet.
    pub(super) pending: Vec<u8>,
    /// Who waits for it.
    pub(super) wire: &'a mut Wire,
    client: &'a Client,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) reply: Reply,
    pub(super) length: Option<Length>,
    /// Server-sent events of unknown length, which are passed on as they come.
    pub(super) events: bool,
    /// The route that answered.
    pub(super) route: Option<String>,
}

impl<'a> Source<'a> {
    /// The answer that comes over `stream`; some of it may be there already.
    pub(super) fn new(
        stream: Stream,
        pending: Vec<u8>,
        wire: &'a mut Wire,
        client: &'a Client,
    ) -> io::Result<Self> {
        stream.set_timeouts(POLL, POLL)?;
        Ok(Self { stream, pending, wire, client })
    }

    /// Waits for more of the answer; 0 at its end. Meanwhile the client is watched: if it hangs up, the handler
    /// learns of it, but its answer is still awaited, so that nobody can have more handlers at work than there are
    /// connections.
    pub(super) fn more(&mut self) -> io::Result<usize> {
        loop {
            match read_behind(&mut self.stream, &mut self.pending, BLOCK) {
                Err(error) if passes(&error) => {
                    if !self.client.is_gone() && !self.wire.is_open() {
                        self.client.hang_up();
                    }
                }
                read => return read,
            }
        }
    }

    /// The head of the answer to a request of this method.
    pub(super) fn head(&mut self, method: &str) -> io::Result<Heard> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.pending).map_err(io::Error::other)?;
            if let (httparse::Status::Complete(end), Some(status)) = (parsed, response.code) {
                let heard = Heard::new(status, response.headers, method);
                self.pending.drain(..end);
                return Ok(heard);
            }
            if self.pending.len() > MOST_HEAD {
                return Err(io::Error::other("the head of the answer is too long"));
            }
            if self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The body of an answer, whole. `reserve` makes room for bytes behind those of a vector, or fails.
    pub(super) fn body(
        &mut self,
        length: Option<Length>,
        mut reserve: impl FnMut(&mut Vec<u8>, usize) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        let (mut body, mut chunked) = (vec![], Chunked::new());
        if let Some(Length::Exactly(length)) = length {
            reserve(&mut body, usize::try_from(length).map_err(io::Error::other)?)?;
        }
        loop {
            reserve(&mut body, self.pending.len())?;
            match length {
                Some(Length::None) => return Ok(body),
                Some(Length::Chunked) => {
                    chunked.decode(&self.pending, &mut body).map_err(io::Error::other)?;
                }
                Some(Length::Exactly(_)) | None => body.extend_from_slice(&self.pending),
            }
            self.pending.clear();
            match length {
                Some(Length::Chunked) if chunked.is_done() => return Ok(body),
                Some(Length::Exactly(length)) if body.len() as u64 >= length => return Ok(body),
                _ => {}
            }
            match (self.more()?, length) {
                (0, None) => return Ok(body),
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }
}

/// Headers of tiny_http's that say nothing to the client: of the private connection, or written by the gate.
const PRIVATE: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "server",
    "trailer",
    "transfer-encoding",
    "upgrade",
    crate::http::REQUEST_ID,
    crate::http::ROUTE,
];

impl Heard {
    fn new(status: u16, headers: &[httparse::Header<'_>], method: &str) -> Self {
        let value = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        let text = |name: &str| value(name).map(|header| String::from_utf8_lossy(header.value));
        let said = text("content-length").and_then(|length| length.parse().ok());
        let chunked =
            text("transfer-encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"));
        let empty = method == "HEAD" || matches!(status, 100..=199 | 204 | 304);
        let length = match said {
            _ if empty => Some(Length::None),
            _ if chunked => Some(Length::Chunked),
            said => said.map(Length::Exactly),
        };
        let events = text("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let route = text(crate::http::ROUTE).map(std::borrow::Cow::into_owned);
        let public = headers
            .iter()
            .filter(|header| !PRIVATE.iter().any(|name| header.name.eq_ignore_ascii_case(name)));
        let pair = |header: &httparse::Header<'_>| {
            (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())
        };
        let headers = public.map(pair).collect();
        let said = said.filter(|_| !matches!(status, 204 | 304) && !chunked);
        Self {
            reply: Reply { status, headers, body: vec![], length: said },
            events: events && matches!(length, Some(Length::Chunked) | None),
            length,
            route,
        }
    }
}
