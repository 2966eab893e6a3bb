//! Requests as handlers see them, answers as they give them, and tiny_http between the two.

mod answer;
mod client;
mod cors;
mod events;
mod listener;
#[cfg(unix)]
pub(crate) mod litter;
mod private;
mod refusal;
mod request;

pub(crate) use answer::{Answer, Body};
pub(crate) use client::{Client, Clients, LOCAL_ADDRESS, REQUEST_ID, ROUTE, TOKEN, random_hex};
pub(crate) use cors::{cors_headers, cors_headers_unread};
pub(crate) use events::Events;
pub(crate) use listener::Listener;
pub(crate) use private::{Private, Stream, Upstream};
pub(crate) use request::{Method, Request};
