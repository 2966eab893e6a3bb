//! A tiny_http that listens in private, and connections to it.

use std::io::{self, Read, Write};
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

#[cfg(not(unix))]
use super::port::{self as way, Door, Socket};
#[cfg(unix)]
use super::socket::{self as way, Door, Socket};

/// A tiny_http that listens in private.
pub(crate) struct Inner {
    /// There until this is dropped.
    server: Option<tiny_http::Server>,
    door: Door,
    /// By which a test can end it.
    #[cfg(all(test, unix))]
    copy: std::os::unix::net::UnixListener,
}

/// A connection to tiny_http.
#[derive(Debug)]
pub(crate) struct Stream(Socket);

impl Inner {
    /// Listens in a folder that was prepared.
    ///
    /// # Errors
    /// The operating system gives no socket or no thread.
    pub(super) fn listen(folder: &Path) -> io::Result<Self> {
        let (listener, door) = way::listen(folder)?;
        #[cfg(all(test, unix))]
        let copy = listener.try_clone()?;
        let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        Ok(Self {
            server: Some(server),
            door,
            #[cfg(all(test, unix))]
            copy,
        })
    }

    /// A new connection to it.
    ///
    /// # Errors
    /// It does not listen any more, or there is no descriptor left.
    pub(super) fn connect(&self) -> io::Result<Stream> {
        self.door.connect().map(Stream)
    }

    /// Nothing can be accepted any more.
    #[cfg(all(test, unix))]
    pub(crate) fn break_listener(&self) {
        let copy = std::os::fd::OwnedFd::from(self.copy.try_clone().expect("a descriptor"));
        let _ = Socket::from(copy).shutdown(std::net::Shutdown::Both);
    }

    /// What it listens at.
    #[cfg(all(test, unix))]
    pub(crate) fn path(&self) -> &Path {
        self.door.path()
    }
}

impl Deref for Inner {
    type Target = tiny_http::Server;

    fn deref(&self) -> &Self::Target {
        self.server.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.server = None;
        // tiny_http ends when the next connection comes. It makes one itself, but it knows only a name, and that is gone.
        drop(self.door.connect());
    }
}

impl Stream {
    /// How long one read and one write may take.
    pub(crate) fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(read))?;
        self.0.set_write_timeout(Some(write))
    }

    /// Whether a read waits for bytes to come.
    pub(crate) fn set_waiting(&self, waits: bool) -> io::Result<()> {
        self.0.set_nonblocking(!waits)
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
