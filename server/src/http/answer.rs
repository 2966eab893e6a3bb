//! What a handler answers.

use std::fmt;

use serde::Serialize;

use super::Events;
use crate::budget::Share;
use crate::warning::Warning;

/// Writes an answer event by event, while the client listens.
pub(crate) type Stream = Box<dyn FnOnce(&mut Events<'_>) -> std::io::Result<()> + Send>;

/// What a handler answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// What the caller should know; told in headers, too.
    pub(crate) warnings: Vec<Warning>,
    /// What it takes of the memory for answers, until the gate has taken it; small ones take nothing.
    pub(crate) share: Option<Share>,
}

/// The body of an answer.
pub(crate) enum Body {
    /// Sent with its length.
    Bytes(Vec<u8>),
    /// Server-sent events, sent as they come.
    Events(Stream),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Events(_) => f.write_str("events"),
        }
    }
}

impl Answer {
    /// Bytes of a kind.
    pub(crate) fn bytes(status: u16, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type", media_type.to_owned())];
        Self { status, headers, body: Body::Bytes(bytes.into()), warnings: vec![], share: None }
    }

    /// A value as JSON.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("maps with text for keys, and numbers, are JSON");
        Self::bytes(status, "application/json", body)
    }

    /// No content.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: Body::Bytes(vec![]), warnings: vec![], share: None }
    }

    /// Server-sent events.
    pub(crate) fn events(
        stream: impl FnOnce(&mut Events<'_>) -> std::io::Result<()> + Send + 'static,
    ) -> Self {
        let headers = vec![
            ("Content-Type", "text/event-stream".into()),
            // No proxy may squeeze or hold back what must come at once.
            ("Cache-Control", "no-store, no-transform".into()),
            ("X-Accel-Buffering", "no".into()),
        ];
        Self { status: 200, headers, body: Body::Events(Box::new(stream)), warnings: vec![], share: None }
    }

    /// With what the caller should know.
    #[must_use]
    pub(crate) fn warned(self, warnings: Vec<Warning>) -> Self {
        Self { warnings, ..self }
    }

    /// With the share of memory that it takes.
    #[must_use]
    pub(crate) fn holding(self, share: Share) -> Self {
        Self { share: Some(share), ..self }
    }

    /// With one header more.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
