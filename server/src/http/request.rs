//! A request, whole and in memory.

use super::{Client, Content};
use crate::budget::Memory;
use crate::problem::Problem;

/// The methods that any route knows; others are answered 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Delete,
    Options,
    Other,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "another method",
        }
    }
}

/// A request, whole and in memory.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Stands in the log line and in the answer's `X-Request-Id`.
    pub(crate) id: String,
    pub(crate) method: Method,
    /// As it was sent, percent-encoded, without the query; begins with `/`.
    pub(crate) path: String,
    /// Decoded, in the order in which they were sent.
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Content,
    /// Who waits for the answer, and whether they still do.
    pub(crate) client: Client,
    /// What may be taken for it.
    pub(crate) memory: Memory,
}

impl Request {
    /// The first header of this name, which is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of this name in the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body is not needed any more, though there is no answer yet: its memory is given back.
    pub(crate) fn let_body_go(&self) {
        self.body.let_go();
        self.client.let_body_go();
    }

    /// Whether the client asked for server-sent events rather than JSON.
    pub(crate) fn wants_events(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("text/event-stream"))
    }

    /// A whole number of the query within `least..=most`.
    ///
    /// # Errors
    /// 400, naming the parameter.
    pub(crate) fn query_number(&self, name: &str, usual: u64, least: u64, most: u64) -> Result<u64, Problem> {
        let Some(text) = self.query(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            Problem::field(name, format!("`{name}` must be a whole number from {least} to {most}"))
        })
    }
}
