//! The gate: owns the public socket, and lets only whole, well-formed requests through to tiny_http.
//!
//! tiny_http must not face a network alone: it has no deadlines and no limits, and one request can abort the
//! process. The gate reads a head and a body under deadlines and limits, checks their framing strictly, hands one
//! clean request to tiny_http over a private socket, and copies the answer back. While a handler works it
//! watches the client's socket, so that who hangs up is not drawn for.

mod client;

pub(crate) use client::{Client, Clients, REQUEST_ID, TOKEN};
