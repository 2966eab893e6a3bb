//! The gate: owns the public socket, and lets only whole, well-formed requests through to tiny_http.
//!
//! tiny_http must not face a network alone: it has no deadlines and no limits, and one request can abort the
//! process. The gate reads a head and a body under deadlines and limits, checks their framing strictly, hands one
//! clean request to tiny_http over a private socket, and copies the answer back. While a handler works it
//! watches the client's socket, so that who hangs up is not drawn for.
//!
//! ```text
//! listener ── room (who may stay) ── connection ── head (lines) ── body (chunked, budget) ── pass ── upstream
//!     └────── lobby (who may not)          └────── reply ←──────────────────────────────── source ←────┘
//! ```

mod body;
mod budget;
mod chunked;
mod client;
mod connection;
mod descriptors;
mod head;
mod line;
mod lines;
mod listener;
#[cfg(unix)]
mod litter;
mod lobby;
mod pass;
mod reply;
mod room;
mod source;
#[cfg(test)]
mod tests;
mod upstream;
mod wire;

use std::fmt::Write;

pub(crate) use client::{Client, Clients, REQUEST_ID, TOKEN};
pub(crate) use listener::Gate;
use listener::Shared;
pub(crate) use upstream::Private;

/// `N` random bytes in hexadecimal digits.
fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("operating systems have random bytes once they have started");
    bytes.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
