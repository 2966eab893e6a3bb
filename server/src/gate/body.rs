//! The body of a request, whole and in memory, whichever way its end is known.

use std::time::Instant;

use super::chunked::Chunked;
use super::failure::Failure;
use super::head::{Head, Length, malformed};
use super::wire::Wire;
use crate::budget::{Share, too_many_bodies};
use crate::config::Limits;
use crate::problem::Problem;

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;
/// A body is in memory here, and behind tiny_http.
const COPIES: usize = 2;

/// Reads the body that belongs to `head`.
///
/// # Errors
/// 400, 408, 413 or 503; or the client is gone.
pub(super) fn read(
    wire: &mut Wire,
    head: &Head,
    limits: &Limits,
    share: &mut Share,
) -> Result<Vec<u8>, Failure> {
    let reading = Reading { wire, limits, share, deadline: Instant::now() + limits.body_time };
    match head.length {
        Length::None => Ok(vec![]),
        Length::Exactly(length) => reading.exactly(length, head.expects),
        Length::Chunked => reading.chunked(head.expects),
    }
}

struct Reading<'a> {
    wire: &'a mut Wire,
    limits: &'a Limits,
    share: &'a mut Share,
    deadline: Instant,
}

impl Reading<'_> {
    fn exactly(mut self, length: u64, expects: bool) -> Result<Vec<u8>, Failure> {
        let length = usize::try_from(length).ok().filter(|&length| length <= self.limits.body);
        let length = length.ok_or_else(|| self.too_large())?;
        self.go_on(expects && length > 0)?;
        let mut body = vec![];
        let here = self.wire.pending.len().min(length);
        self.reserve(&mut body, here, length)?;
        body.extend(self.wire.pending.drain(..here));
        while body.len() < length {
            // Memory follows what was sent, not what was announced.
            let more = BLOCK.min(length - body.len());
            self.reserve(&mut body, more, length)?;
            self.wire.receive_into(&mut body, more, self.deadline).map_err(Failure::of_body)?;
        }
        Ok(body)
    }

    fn chunked(mut self, expects: bool) -> Result<Vec<u8>, Failure> {
        self.go_on(expects)?;
        let (mut body, mut chunked) = (vec![], Chunked::new());
        loop {
            let here = self.wire.pending.len();
            self.reserve(&mut body, here, usize::MAX)?;
            let used = chunked.decode(&self.wire.pending, &mut body).map_err(malformed)?;
            self.wire.pending.drain(..used);
            if (body.len() as u64).saturating_add(chunked.announced()) > self.limits.body as u64 {
                return Err(self.too_large().into());
            }
            if chunked.is_done() {
                return Ok(body);
            }
            self.wire.receive(self.deadline).map_err(Failure::of_body)?;
        }
    }

    /// Tells a client that waits for it to send the body.
    fn go_on(&mut self, expected: bool) -> Result<(), Failure> {
        if expected && self.wire.pending.is_empty() {
            let sent = self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n", self.limits.write_time);
            sent.map_err(|_| Failure::Gone)?;
        }
        Ok(())
    }

    fn reserve(&mut self, body: &mut Vec<u8>, more: usize, most: usize) -> Result<(), Failure> {
        if self.share.reserve(body, more, most, COPIES) {
            return Ok(());
        }
        Err(too_many_bodies().into())
    }

    fn too_large(&self) -> Problem {
        let most = self.limits.body;
        Problem::new(413, "body_too_large", format!("a body may have at most {most} bytes"))
    }
}
