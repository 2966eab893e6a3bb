//! Passes one clean request on to tiny_http, and the answer back.

use std::io;
use std::thread;
use std::time::Duration;

use super::Shared;
use super::access_log::Line;
use super::chunked::Chunked;
use super::connections::{Phase, Seat};
use super::failure::Failure;
use super::hand::{self, Handed, Outgoing, SMALL};
use super::head::{Head, Length};
use super::reply::After;
use super::source::{Heard, Source};
use super::wire::Wire;
use crate::budget::{Share, too_many_answers};
use crate::http::Client;
use crate::problem::Problem;

/// Handlers that are kept for requests that only look, so that a server that draws for many can still be looked at.
const SPARED: usize = 2;
/// How long a request may wait for a handler.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who sent a request, and where its answer goes.
pub(super) struct Caller<'a> {
    pub(super) gate: &'a Shared,
    pub(super) wire: &'a mut Wire,
    pub(super) seat: &'a mut Seat,
}

/// Passes a request on; what the client may do after its answer. `share` is the body's of the memory for bodies.
pub(super) fn on(
    caller: Caller<'_>,
    head: &Head,
    body: Vec<u8>,
    share: Share,
    line: &mut Line,
) -> Result<After, Failure> {
    let Caller { gate, wire, seat } = caller;
    let only_looks = matches!(head.method.as_str(), "GET" | "HEAD");
    let spared = if only_looks { 0 } else { SPARED };
    let Some(_engaged) = gate.inside.handlers.engage(spared, PATIENCE) else {
        let message = "the server has no thread left for this request; try again later";
        return Err(Problem::busy("no_thread", message, 5).into());
    };
    let outgoing = Outgoing { head, id: &line.id, from: line.from(), body };
    let Handed { stream, pending, client } = hand::over(gate, &outgoing)?;
    drop(outgoing);
    client.hold_body(share);
    let mut source = Source::new(stream, pending, wire, &client).map_err(|error| broken(&error))?;
    let heard = source.head(&head.method).map_err(|error| broken(&error))?;
    // The handler had a copy of the body for as long as it worked, or until it let that go.
    client.let_body_go();
    line.status = heard.reply.status;
    line.route = heard.route.as_deref().map(Into::into);
    let passing = Passing { gate, seat, head, source, client: &client, id: &line.id };
    let after = if heard.events { passing.events(heard) } else { passing.whole(heard) };
    line.gone = client.is_gone();
    if client.is_known() {
        seat.recognise();
        line.known = true;
    }
    after
}

/// Handles a request whose answer did not come. The log says why, the client only that it was not its fault.
fn broken(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return too_many_answers().into();
    }
    tracing::error!(%error, "no answer came from behind the gate");
    Problem::internal().into()
}

/// An answer on its way back.
struct Passing<'a> {
    gate: &'a Shared,
    seat: &'a Seat,
    head: &'a Head,
    source: Source<'a>,
    client: &'a Client,
    id: &'a str,
}

impl Passing<'_> {
    /// Takes the whole answer from the handler, which is free then, and gives it to the client.
    fn whole(mut self, heard: Heard) -> Result<After, Failure> {
        let Heard { mut reply, length, .. } = heard;
        let mut share = self.gate.inside.memory.answers.share();
        let reserve = |body: &mut Vec<u8>, more: usize| {
            for _ in 0..50 {
                if share.reserve(body, more, usize::MAX, 1) {
                    return Ok(());
                }
                if !self.gate.connections.close_slowest_reader() {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
            Err(io::ErrorKind::OutOfMemory.into())
        };
        let body = self.source.body(length, reserve).map_err(|error| broken(&error))?;
        if length != Some(Length::None) {
            reply.length = Some(body.len() as u64);
        }
        let after = self.after();
        let mut head = reply.head(self.id, after);
        if !self.seat.enter(Phase::Sending) {
            return Err(Failure::Gone);
        }
        let (wire, time) = (self.source.wire, self.gate.policy.limits.write_time);
        let sent = if body.len() <= SMALL {
            head.extend_from_slice(&body);
            wire.send(&head, time)
        } else {
            wire.send(&head, time).and_then(|()| wire.send(&body, time))
        };
        if sent.is_err() {
            self.client.hang_up();
            return Ok(After::Close);
        }
        Ok(after)
    }

    /// Passes events on as they come. Where their end was lost, the client sees that: the last chunk is missing.
    fn events(mut self, heard: Heard) -> Result<After, Failure> {
        let Heard { mut reply, length, .. } = heard;
        let chunked = length == Some(Length::Chunked);
        let mut decoder = (chunked && self.head.old).then(Chunked::new);
        if chunked && !self.head.old {
            reply.headers.push(("Transfer-Encoding".into(), "chunked".into()));
        }
        let head = reply.head(self.id, After::Close);
        let mut open = self.send(&head);
        loop {
            let mut bytes = std::mem::take(&mut self.source.pending);
            if let Some(decoder) = &mut decoder {
                let mut plain = vec![];
                decoder.decode(&bytes, &mut plain).map_err(|_| Failure::Gone)?;
                bytes = plain;
            }
            // The handler is heard to its end even where nobody listens any more: it is still at work.
            open = open && self.send(&bytes);
            if !matches!(self.source.more(), Ok(1..)) {
                return Ok(After::Close);
            }
        }
    }

    /// Sends a piece of a stream; `false` if the client does not take it.
    fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = self.seat.enter(Phase::Sending)
            && self.source.wire.send(bytes, self.gate.policy.limits.write_time).is_ok();
        if !sent {
            self.client.hang_up();
        }
        self.seat.enter(Phase::Working);
        sent
    }

    fn after(&self) -> After {
        match (self.head.keep_alive, self.head.old) {
            _ if self.client.is_gone() || self.gate.is_stopping() => After::Close,
            (false, _) => After::Close,
            (true, false) => After::KeepAlive,
            (true, true) => After::KeepAliveOld,
        }
    }
}
