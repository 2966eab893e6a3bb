//! Requests as handlers see them, answers as they give them, and tiny_http between the two.

mod answer;
mod events;
mod listener;
mod request;

pub(crate) use answer::{Answer, Body};
pub(crate) use events::Events;
pub(crate) use listener::Listener;
pub(crate) use request::{Method, Request};
