//! Requests as handlers see them, answers as they give them, and tiny_http between the two.

mod answer;
mod client;
mod events;
mod listener;
#[cfg(unix)]
pub(crate) mod litter;
mod private;
mod refusal;
mod request;

pub(crate) use answer::{Answer, Body};
pub(crate) use client::{Client, Clients, REQUEST_ID, TOKEN, random_hex};
pub(crate) use events::Events;
pub(crate) use listener::Listener;
pub(crate) use private::{Private, Stream, Upstream};
pub(crate) use request::{Method, Request};
