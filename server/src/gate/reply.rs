//! What the gate writes to a client.

use std::fmt::Write;

use crate::clock::http_date;
use crate::http::Body;
use crate::problem::{Family, Problem, reason};

/// A whole answer: a handler's, or the gate's own.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// All but those that concern the connection, the length and the request's id.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// What Content-Length says: of an answer to HEAD, the length of a body that is not there.
    pub(super) length: Option<u64>,
}

/// What a client may do after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Ask again.
    KeepAlive,
    /// Ask again, and an HTTP/1.0 client must be told so.
    KeepAliveOld,
    Close,
}

impl Reply {
    /// The gate's own answer, in the shape of a family.
    pub(super) fn of(problem: &Problem, family: Family) -> Self {
        let answer = family.answer(problem);
        let Body::Bytes(body) = answer.body else { unreachable!("a problem is answered with JSON") };
        let mut headers: Vec<_> =
            answer.headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
        headers.push(("Date".into(), http_date()));
        Self { status: answer.status, headers, length: Some(body.len() as u64), body }
    }

    /// With headers more: those that let a page read it.
    pub(super) fn with(mut self, headers: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// Status line and headers.
    pub(super) fn head(&self, id: &str, after: After) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut add = |name: &str, value: &str| {
            let _ = write!(head, "{name}: {value}\r\n");
        };
        self.headers.iter().for_each(|(name, value)| add(name, value));
        if let Some(length) = self.length {
            add("Content-Length", &length.to_string());
        }
        add("X-Request-Id", id);
        match after {
            After::KeepAlive => {}
            After::KeepAliveOld => add("Connection", "keep-alive"),
            After::Close => add("Connection", "close"),
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Everything, as it goes over the wire to a client that is turned away.
    pub(super) fn bytes(&self, id: &str) -> Vec<u8> {
        let mut bytes = self.head(id, After::Close);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
