//! Hands one clean request to tiny_http. As long as it did not arrive there, it can be sent again: once it was
//! withdrawn, no handler can get it any more.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Shared;
use super::failure::Failure;
use super::head::{Head, Length};
use super::wire::{passes, read_behind};
use crate::http::{Client, Clients, REQUEST_ID, Stream, TOKEN, random_hex};
use crate::problem::Problem;

/// Bodies up to this size are written together with their head.
pub(super) const SMALL: usize = 64 << 10;
/// How long tiny_http may take to read a part of a request.
const HAND_OVER: Duration = Duration::from_secs(60);
/// How long a request may be on its way to the thread that receives it.
const ARRIVAL: Duration = Duration::from_secs(5);
/// How often it is looked whether the way has broken meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// How often a request is sent. One that ends whatever receives it must not be sent for ever.
const ATTEMPTS: usize = 3;
/// Seconds after which it is worth asking again.
const RETRY_AFTER: u64 = 2;

/// A request on its way in.
pub(super) struct Outgoing<'a> {
    pub(super) head: &'a Head,
    pub(super) id: &'a str,
    /// Where the client is.
    pub(super) from: IpAddr,
    pub(super) body: Vec<u8>,
}

/// A request that arrived.
pub(super) struct Handed {
    /// Where its answer comes from.
    pub(super) stream: Stream,
    /// What came of it already.
    pub(super) pending: Vec<u8>,
    /// Who waits for it.
    pub(super) client: Client,
}

/// Hands a request over, to the next tiny_http if this one does not take it.
///
/// # Errors
/// 503: none takes it in time.
pub(super) fn over(gate: &Shared, outgoing: &Outgoing<'_>) -> Result<Handed, Failure> {
    let upstream = &gate.inside.upstream;
    let deadline = Instant::now() + gate.policy.limits.body_time / 3;
    for _ in 0..ATTEMPTS {
        let Some(turn) = upstream.turn(deadline) else { break };
        let (number, connected) = upstream.connect();
        let clients = &gate.inside.clients;
        let (token, client) = (random_hex::<16>(), Client::at(outgoing.from));
        let expected = Expected { clients, token: &token };
        clients.expect(token.clone(), client.clone(), turn);
        let sent = connected.and_then(|stream| send(stream, outgoing, &token, &client));
        match sent {
            Ok(handed) => return Ok(handed),
            Err(_) if !expected.withdraw() => return Err(lost()),
            Err(error) => {
                tracing::warn!(%error, id = outgoing.id, "a request did not arrive; it is sent again");
                upstream.report(number);
            }
        }
        if !upstream.wait(number, deadline) {
            break;
        }
    }
    let message = "the server is recovering; try again in a moment";
    Err(Problem::busy("recovering", message, RETRY_AFTER).into())
}

/// A token that is expected, and forgotten when dropped.
struct Expected<'a> {
    clients: &'a Clients,
    token: &'a str,
}

impl Expected<'_> {
    /// `false` if the request arrived.
    fn withdraw(&self) -> bool {
        self.clients.withdraw(self.token)
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// A handler has it, and what it answers cannot be heard.
fn lost() -> Failure {
    Problem::internal().into()
}

/// Sends a request, and waits for it to arrive.
fn send(mut stream: Stream, outgoing: &Outgoing<'_>, token: &str, client: &Client) -> io::Result<Handed> {
    stream.set_timeouts(HAND_OVER, HAND_OVER)?;
    let mut bytes = head(outgoing, token);
    let is_small = outgoing.body.len() <= SMALL;
    if is_small {
        bytes.extend_from_slice(&outgoing.body);
    }
    stream.write_all(&bytes)?;
    let pending = arrival(&mut stream, client)?;
    if !is_small {
        // A handler may answer without having read all of it, so that an error here does not mean that there is no answer.
        let _ = stream.write_all(&outgoing.body);
    }
    Ok(Handed { stream, pending, client: client.clone() })
}

/// Waits until the request has arrived; what came of its answer.
fn arrival(stream: &mut Stream, client: &Client) -> io::Result<Vec<u8>> {
    let (deadline, mut pending) = (Instant::now() + ARRIVAL, vec![]);
    if client.wait_received(LOOK) {
        return Ok(pending);
    }
    stream.set_waiting(false)?;
    loop {
        let read = read_behind(&mut *stream, &mut pending, SMALL);
        if client.wait_received(Duration::ZERO) {
            stream.set_waiting(true)?;
            return Ok(pending);
        }
        match read {
            Err(error) if passes(&error) && Instant::now() < deadline => {
                client.wait_received(LOOK);
            }
            Err(error) => return Err(error),
            // An answer of tiny_http itself, or none.
            Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The head as it is written to tiny_http: what the client may send on, the length that was read, and who waits.
fn head(outgoing: &Outgoing<'_>, token: &str) -> Vec<u8> {
    let Outgoing { head, id, body, .. } = outgoing;
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.target);
    let mut add = |name: &str, value: &str| {
        let _ = write!(text, "{name}: {value}\r\n");
    };
    head.headers.iter().for_each(|(name, value)| add(name, value));
    if head.length != Length::None {
        add("content-length", &body.len().to_string());
    }
    add(REQUEST_ID, id);
    add(TOKEN, token);
    // One request a connection: tiny_http then frees its thread at once, and has nothing left to misread.
    add("connection", "close");
    text.push_str("\r\n");
    text.into_bytes()
}
