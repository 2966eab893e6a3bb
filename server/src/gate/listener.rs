//! The public socket: takes connections, one thread for each, up to a limit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::connections::{Connections, Seat};
use super::lobby::Lobby;
use super::policy::Policy;
use super::wire::Wire;
use crate::budget::Memory;
use crate::config::Limits;
use crate::crew::Crew;
use crate::error::{Error, Result};
use crate::http::{Clients, Upstream};
use crate::metrics::Metrics;

/// A connection's thread reads, writes and parses; its buffers are on the heap.
const STACK: usize = 256 << 10;
/// The pause after the operating system gave no connection: it has none to give, and asking again at once would
/// only keep a core busy.
const PAUSE: Duration = Duration::from_millis(50);
/// How long stopping waits for the listening thread.
const STOPPING: Duration = Duration::from_secs(2);
/// Threads that are there before anybody comes.
const RESERVED: usize = 32;
/// How long a newcomer waits for the thread of whoever gives way.
const MAKING_ROOM: Duration = Duration::from_secs(1);

/// The gate. Dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Gate {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What lies behind the gate.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    /// The client of each request stands here while it is worked for.
    pub(crate) clients: Arc<Clients>,
    /// Requests are passed on to this.
    pub(crate) upstream: Upstream,
    /// A thread for each request that is passed on.
    pub(crate) handlers: Arc<Crew>,
    /// For bodies and answers.
    pub(crate) memory: Memory,
    /// What the gate refuses is counted here.
    pub(crate) metrics: Metrics,
}

/// What all connections use.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: Policy,
    pub(super) inside: Inside,
    pub(super) connections: Arc<Connections>,
    crew: Arc<Crew>,
    lobby: Lobby,
    stopping: AtomicBool,
}

impl Shared {
    /// Whether no further request is wanted.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

impl Gate {
    /// Listens, and passes requests on to what is inside.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub(crate) fn open(listen: SocketAddr, policy: Policy, inside: Inside) -> Result<Self> {
        let failed = |source| Error::Listen { at: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let limits = policy.limits;
        let Limits { connections, .. } = limits;
        // A newcomer has a thread before somebody gives way to it.
        let crew = Crew::new("fulmen-client", STACK, connections + 2);
        crew.reserve(RESERVED.min(connections));
        let shared = Arc::new(Shared {
            connections: Connections::new(limits.connections, limits.write_time / 6, inside.metrics.clone()),
            lobby: Lobby::open(policy.clone(), inside.metrics.clone()).map_err(failed)?,
            policy,
            crew,
            inside,
            stopping: AtomicBool::new(false),
        });
        let thread = {
            let (shared, log) = (Arc::clone(&shared), tracing::dispatcher::get_default(Clone::clone));
            let accept = move || tracing::dispatcher::with_default(&log, || accept(&listener, &shared));
            thread::Builder::new().name("fulmen-accept".into()).spawn(accept).map_err(failed)?
        };
        Ok(Self { shared, address, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens: with the real port, if port 0 was requested.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no further connections, closes the idle ones, and each other one after the answer that it waits for.
    pub(crate) fn stop_accepting(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // The thread sleeps until somebody comes.
        let _ = TcpStream::connect_timeout(&reachable(self.address), STOPPING);
        let deadline = Instant::now() + STOPPING;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        self.shared.connections.close_idle();
    }

    /// Waits until no connection is in the middle of a request, from its first byte to the last of its answer;
    /// whether that came to be.
    pub(crate) fn wait_idle(&self, time: Duration) -> bool {
        self.shared.connections.wait_idle(time)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop_accepting();
        self.shared.connections.close_all();
        self.shared.crew.dismiss();
    }
}

/// An address at which a listener can be reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Takes connections until the gate stops; nothing else ends it.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.is_stopping() {
            return;
        }
        match accepted {
            Ok((socket, peer)) => welcome(shared, Arc::new(socket), peer),
            Err(error) => {
                // There is no descriptor: whoever gives way leaves one.
                let made_room = shared.connections.make_room();
                tracing::warn!(%error, made_room, "no connection could be taken");
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Gives a connection a thread and a seat, or turns it away.
fn welcome(shared: &Arc<Shared>, socket: Arc<TcpStream>, peer: SocketAddr) {
    let engaged = shared.crew.engage(0, Duration::ZERO).or_else(|| {
        // There is no thread: whoever gives way leaves one.
        let made_room = shared.connections.make_room();
        made_room.then(|| shared.crew.engage(0, MAKING_ROOM)).flatten()
    });
    let seated = engaged.and_then(|engaged| Some((engaged, shared.connections.sit(&socket)?)));
    let Some((engaged, seat)) = seated else { return shared.lobby.turn_away(socket, peer) };
    let (serving, log) = (Arc::clone(shared), tracing::dispatcher::get_default(Clone::clone));
    shared.crew.give(move || {
        tracing::dispatcher::with_default(&log, || serve(&serving, socket, seat, peer));
        drop(engaged);
    });
}

fn serve(shared: &Shared, socket: Arc<TcpStream>, seat: Seat, peer: SocketAddr) {
    // Without it, the second of two small writes may wait for the client's acknowledgement of the first.
    let _ = socket.set_nodelay(true);
    Connection::new(shared, Wire::new(socket), seat, peer).serve();
}
