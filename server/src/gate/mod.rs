//! The gate: owns the public socket, and lets only whole, well-formed requests through to tiny_http.
//!
//! tiny_http must not face a network alone: it has no deadlines and no limits, and one request can abort the
//! process. The gate reads a head and a body under deadlines and limits, checks their framing strictly, hands one
//! clean request to tiny_http over a private socket, and copies the answer back. While a handler works it
//! watches the client's socket, so that who hangs up is not drawn for.
//!
//! ```text
//! listener ── connections (who may stay) ── connection ── head (crlf) ── body (chunked) ── pass ── hand ── upstream
//!     └────── lobby (who may not)                 └────── reply ←─────────────────────────────── source ←────┘
//! ```

mod access_log;
mod body;
mod chunked;
mod connection;
mod connections;
mod crlf;
mod failure;
mod forwarded;
mod hand;
mod head;
mod listener;
mod lobby;
mod pass;
mod policy;
mod reply;
mod source;
mod target;
#[cfg(test)]
mod tests;
mod wire;

use listener::Shared;
pub(crate) use listener::{Gate, Inside};
pub(crate) use policy::Policy;
