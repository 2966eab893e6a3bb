//! Turns newcomers away while everybody inside is being worked for. The answer is written at once; then the client
//! is listened to for a moment, because closing a socket with unread bytes would reset it, answer and all. That
//! moment is spent here, so that it costs the listening thread nothing.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::access_log::Line;
use super::policy::Policy;
use super::reply::Reply;
use crate::metrics::Metrics;
use crate::problem::Problem;

/// Sockets that are listened to at once, where there are so many connections.
const MOST: usize = 64;
/// Bytes of its thread's stack.
const STACK: usize = 128 << 10;
/// How long each is listened to.
const MOMENT: Duration = Duration::from_secs(1);
/// Between two looks at all of them.
const TICK: Duration = Duration::from_millis(20);
/// Seconds after which it is worth asking again.
const RETRY_AFTER: u64 = 2;

/// Where newcomers are turned away.
#[derive(Debug)]
pub(super) struct Lobby {
    leaving: SyncSender<Arc<TcpStream>>,
    policy: Policy,
    metrics: Metrics,
}

impl Lobby {
    /// A lobby in which some are listened to at once; others are closed right after the answer.
    pub(super) fn open(policy: Policy, metrics: Metrics) -> io::Result<Self> {
        let most = MOST.min(policy.limits.connections.div_ceil(4));
        let (leaving, receiver) = sync_channel(most);
        let thread = thread::Builder::new().name("fulmen-lobby".into()).stack_size(STACK);
        thread.spawn(move || listen(&receiver, most))?;
        Ok(Self { leaving, policy, metrics })
    }

    /// 503, without waiting for anything.
    pub(super) fn turn_away(&self, socket: Arc<TcpStream>, peer: SocketAddr) {
        let problem = Problem::busy("too_many_connections", "the server has too many clients", RETRY_AFTER);
        let mut line = Line::new(peer, &self.metrics);
        // What came already says which page asks, and which family.
        let mut came = [0; 4 << 10];
        let peeked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut came)).unwrap_or(0);
        let came = &came[..peeked];
        let reply = Reply::of(&problem, self.policy.family_of_head(came)).with(self.policy.cors(came));
        line.status = reply.status;
        self.metrics.refused(reply.status, problem.code);
        let bytes = reply.bytes(&line.id);
        // Nothing was written to this socket yet, so that its buffer takes all of it.
        let sent = (&*socket).write(&bytes);
        let closed = sent.as_ref().is_ok_and(|_| socket.shutdown(Shutdown::Write).is_ok());
        line.bytes_out = sent.unwrap_or(0) as u64;
        line.gone = !closed;
        if closed {
            // Where the lobby is full, the socket is closed now.
            let _ = self.leaving.try_send(socket);
        }
    }
}

/// Listens to those who were turned away, until the gate is gone and they are too.
fn listen(newcomers: &Receiver<Arc<TcpStream>>, most: usize) {
    let mut held: Vec<(Arc<TcpStream>, Instant)> = vec![];
    loop {
        let next = if held.is_empty() {
            newcomers.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            newcomers.recv_timeout(TICK)
        };
        match next {
            Ok(socket) if held.len() < most => held.push((socket, Instant::now())),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        held.retain(|(socket, since)| since.elapsed() < MOMENT && is_open(socket));
    }
}

/// Throws away what came; whether more may come.
fn is_open(mut socket: &TcpStream) -> bool {
    let mut scrap = [0; 4 << 10];
    match socket.read(&mut scrap) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
