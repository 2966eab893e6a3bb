//! The private way where there are no Unix sockets: a port of the loopback address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

pub(super) type Socket = TcpStream;

/// Where a listener is reached.
#[derive(Debug, Clone)]
pub(super) struct Door(SocketAddr);

#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(super) fn prepare(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn listen(_folder: &Path) -> io::Result<(TcpListener, Door)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let door = Door(listener.local_addr()?);
    Ok((listener, door))
}

impl Door {
    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.0)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
