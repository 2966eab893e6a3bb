//! One connection, from its first byte to its last: one request after the other.

use std::net::SocketAddr;
use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Instant;

use super::access_log::Line;
use super::connections::{Phase, Seat};
use super::failure::Failure;
use super::forwarded;
use super::head::{self, Head, Scan, malformed};
use super::pass::{self, Caller};
use super::reply::{After, Reply};
use super::wire::Wire;
use super::{Shared, body};

/// One connection.
pub(super) struct Connection<'a> {
    pub(super) gate: &'a Shared,
    pub(super) wire: Wire,
    pub(super) seat: Seat,
    peer: SocketAddr,
    /// The headers that let the page that asks read the gate's own answer.
    cors: Vec<(&'static str, String)>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(gate: &'a Shared, wire: Wire, seat: Seat, peer: SocketAddr) -> Self {
        Self { gate, wire, seat, peer, cors: vec![] }
    }

    /// Answers requests until the client or an error ends the connection.
    pub(super) fn serve(mut self) {
        while self.exchange().is_continue() {}
        self.seat.enter(Phase::Closing);
        self.wire.linger(self.gate.policy.limits.body);
    }

    /// One request and its answer; whether another may come.
    fn exchange(&mut self) -> ControlFlow<()> {
        if self.wire.pending.is_empty() {
            let deadline = Instant::now() + self.gate.policy.limits.idle_time;
            if !self.seat.enter(Phase::Idle)
                || self.gate.is_stopping()
                || self.wire.receive(deadline).is_err()
            {
                return Break(());
            }
        }
        if !self.seat.enter(Phase::Receiving) {
            return Break(());
        }
        let mut line = Line::new(self.peer, &self.gate.inside.metrics);
        let before = self.wire.written;
        let end = match self.answer(&mut line) {
            Ok(After::KeepAlive | After::KeepAliveOld) => Continue(()),
            Ok(After::Close) => Break(()),
            Err(failure) => {
                self.fail(failure, &mut line);
                Break(())
            }
        };
        line.bytes_out = self.wire.written - before;
        end
    }

    /// Reads a request, passes it on, answers it.
    fn answer(&mut self, line: &mut Line) -> Result<After, Failure> {
        let head = self.head(line)?;
        let head = self.introduced(head, line);
        let mut share = self.gate.inside.memory.bodies.share();
        let limits = self.gate.policy.limits_of(&head.target);
        let body = body::read(&mut self.wire, &head, &limits, &mut share)?;
        line.bytes_in = body.len();
        if !self.seat.enter(Phase::Working) {
            return Err(Failure::Gone);
        }
        let caller = Caller { gate: self.gate, wire: &mut self.wire, seat: &mut self.seat };
        pass::on(caller, &head, body, share, line)
    }

    /// Reads a head: all of it within the limit, from its first byte to its last within the deadline.
    fn head(&mut self, line: &mut Line) -> Result<Head, Failure> {
        let limits = &self.gate.policy.limits;
        self.cors = vec![];
        let (mut scan, deadline) = (Scan::default(), Instant::now() + limits.head_time);
        loop {
            let found = scan.look(&self.wire.pending).map_err(malformed)?;
            match found {
                Some(range) if range.end <= limits.head => {
                    self.cors = self.gate.policy.cors(&self.wire.pending[range.clone()]);
                    // What cannot be read stays: it may say which family is asked.
                    let head = head::parse(&self.wire.pending[range.clone()])?;
                    self.wire.pending.drain(..range.end);
                    line.asked(&head.method, &head.target);
                    return Ok(head);
                }
                None if self.wire.pending.len() < limits.head => {
                    self.wire.receive(deadline).map_err(Failure::of_head)?;
                }
                _ => return Err(scan.too_large().into()),
            }
        }
    }

    /// With what handlers may know of who asks, and nothing that only a trusted proxy may say from anybody else.
    fn introduced(&self, mut head: Head, line: &mut Line) -> Head {
        line.client = forwarded::client(&mut head.headers, self.peer.ip(), &self.gate.policy.trusted_proxies);
        let named = |(name, value): &(String, String)| name == "host" && !value.trim().is_empty();
        if !head.headers.iter().any(named)
            && let Some(address) = self.wire.local_address()
        {
            head.headers.push((crate::http::LOCAL_ADDRESS.into(), address.to_string()));
        }
        head
    }

    /// The last word.
    fn fail(&mut self, failure: Failure, line: &mut Line) {
        let Failure::Refused(problem) = failure else {
            line.gone = !self.seat.was_closed();
            if line.gone {
                self.gate.inside.metrics.closed("client_gone");
            }
            return;
        };
        self.seat.enter(Phase::Sending);
        if self.cors.is_empty() {
            // The head is not whole: what came of it may say which page asks.
            self.cors = self.gate.policy.cors(&self.wire.pending);
        }
        let policy = &self.gate.policy;
        let family = match line.is_asked() {
            true => policy.family(&line.path),
            false => policy.family_of_head(&self.wire.pending),
        };
        let reply = Reply::of(&problem, family).with(std::mem::take(&mut self.cors));
        let mut bytes = reply.head(&line.id, After::Close);
        if line.method != "HEAD" {
            bytes.extend_from_slice(&reply.body);
        }
        line.status = reply.status;
        self.gate.inside.metrics.refused(reply.status, problem.code);
        line.gone = self.wire.send(&bytes, self.gate.policy.limits.write_time).is_err();
    }
}
