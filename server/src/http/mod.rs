//! Requests as handlers see them, answers as they give them, and tiny_http between the two.

mod answer;
mod client;
mod conditions;
mod content;
mod cors;
mod date;
mod encoding;
mod events;
mod file;
mod inner;
mod listener;
#[cfg(not(unix))]
mod port;
mod private;
mod range;
mod refusal;
mod request;
mod serve;
#[cfg(unix)]
mod socket;
mod turn;
mod upstream;

pub(crate) use answer::{Answer, Body};
pub(crate) use client::{Client, Clients, LOCAL_ADDRESS, REQUEST_ID, ROUTE, TOKEN, random_hex};
pub(crate) use conditions::{is_known, tag};
pub(crate) use content::Content;
pub(crate) use cors::{cors_headers, cors_headers_unread};
pub(crate) use encoding::encoded;
pub(crate) use events::Events;
pub(crate) use file::{BYTES, File};
#[cfg(test)]
pub(crate) use inner::Inner;
pub(crate) use inner::Stream;
pub(crate) use listener::{Handlers, Listener};
pub(crate) use private::Private;
pub(crate) use request::{Method, Request};
pub(crate) use turn::Turn;
pub(crate) use upstream::Upstream;
