//! A client's socket, on which nothing waits for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes that are read at once, and that may wait unread while an answer is made.
const BLOCK: usize = 16 << 10;
/// Bytes of an answer that a client must take within the time for writing. A slow client gets a large answer; one
/// that has stopped reading is let go.
const PIECE: usize = 1 << 20;
/// No call sleeps for longer: where closing a socket does not wake who reads from it, this does.
const SLICE: Duration = Duration::from_secs(1);
/// How long, after the last word, a client is listened to before the socket is closed. Closing with unread bytes
/// resets the connection, and the client would lose our last word.
const LINGER: Duration = Duration::from_secs(1);

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The client closed, or was closed.
    Gone,
    /// The deadline is over.
    Late,
}

/// A client's socket.
#[derive(Debug)]
pub(super) struct Wire {
    socket: Arc<TcpStream>,
    /// Bytes that came and are not used yet.
    pub(super) pending: Vec<u8>,
    /// Bytes written, all in all.
    pub(super) written: u64,
}

impl Wire {
    pub(super) fn new(socket: Arc<TcpStream>) -> Self {
        Self { socket, pending: vec![], written: 0 }
    }

    /// The address at which the client reached us.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        let mut address = self.socket.local_addr().ok()?;
        address.set_ip(address.ip().to_canonical());
        Some(address)
    }

    /// Waits for more bytes, which go behind the pending ones.
    pub(super) fn receive(&mut self, deadline: Instant) -> Result<(), Lost> {
        let mut pending = std::mem::take(&mut self.pending);
        let received = self.receive_into(&mut pending, BLOCK, deadline);
        self.pending = pending;
        received
    }

    /// Waits for at most `most` more bytes, which go behind those of `bytes`.
    pub(super) fn receive_into(
        &mut self,
        bytes: &mut Vec<u8>,
        most: usize,
        deadline: Instant,
    ) -> Result<(), Lost> {
        loop {
            let left = left(deadline)?;
            self.socket.set_read_timeout(Some(left)).map_err(|_| Lost::Gone)?;
            match read_behind(&*self.socket, bytes, most) {
                Ok(0) => return Err(Lost::Gone),
                Ok(_) => return Ok(()),
                Err(error) if passes(&error) => {}
                Err(_) => return Err(Lost::Gone),
            }
        }
    }

    /// Sends everything, each piece within `time`.
    pub(super) fn send(&mut self, bytes: &[u8], time: Duration) -> Result<(), Lost> {
        bytes.chunks(PIECE).try_for_each(|piece| self.send_piece(piece, Instant::now() + time))
    }

    fn send_piece(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), Lost> {
        while !bytes.is_empty() {
            let left = left(deadline)?;
            self.socket.set_write_timeout(Some(left)).map_err(|_| Lost::Gone)?;
            match (&*self.socket).write(bytes) {
                Ok(0) => return Err(Lost::Gone),
                Ok(written) => {
                    self.written += written as u64;
                    bytes = &bytes[written..];
                }
                Err(error) if passes(&error) => {}
                Err(_) => return Err(Lost::Gone),
            }
        }
        Ok(())
    }

    /// Whether the client is still there; does not wait. One that has closed its sending half counts as gone: such a
    /// client cannot be told from one that has closed altogether. What it sends meanwhile is kept, up to a block;
    /// behind a full block only a reset is seen.
    pub(super) fn is_open(&mut self) -> bool {
        if self.pending.len() >= BLOCK {
            return !matches!(self.socket.take_error(), Ok(Some(_)) | Err(_));
        }
        if self.socket.set_nonblocking(true).is_err() {
            return false;
        }
        let most = BLOCK - self.pending.len();
        let open = match read_behind(&*self.socket, &mut self.pending, most) {
            Ok(read) => read > 0,
            Err(error) => passes(&error),
        };
        self.socket.set_nonblocking(false).is_ok() && open
    }

    /// Says that no more will be written, and waits for the client to close; at most a second and `most` bytes.
    pub(super) fn linger(&mut self, most: usize) {
        self.pending = vec![];
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let (deadline, mut heard, mut scrap) = (Instant::now() + LINGER, 0, vec![]);
        while heard <= most && self.receive_into(&mut scrap, BLOCK, deadline).is_ok() {
            heard += scrap.len();
            scrap.clear();
        }
    }
}

/// The time until a deadline, as a timeout of a socket.
fn left(deadline: Instant) -> Result<Duration, Lost> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Lost::Late) } else { Ok(left.min(SLICE)) }
}

/// Whether an error only says that nothing happened yet.
pub(super) fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// One read of at most `most` bytes behind those of `bytes`.
pub(super) fn read_behind(mut from: impl Read, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let before = bytes.len();
    bytes.resize(before + most, 0);
    let read = from.read(&mut bytes[before..]);
    bytes.truncate(before + read.as_ref().copied().unwrap_or(0));
    read
}
