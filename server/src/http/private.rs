//! The private way from the gate to tiny_http: a Unix socket in a folder that only this user can enter. Where there
//! are none, a port of the loopback address; there the token of each request keeps others out.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::PathBuf;

/// What the names of our folders begin with.
#[cfg(unix)]
pub(super) const PREFIX: &str = "fulmen-gate-";

/// Makes the private place where tiny_http listens.
#[derive(Debug)]
pub(crate) struct Private {
    #[cfg(unix)]
    folder: Option<tempfile::TempDir>,
    upstream: Upstream,
}

/// How to reach tiny_http.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upstream(Arc<Mutex<Option<Place>>>);

#[derive(Debug, Clone)]
enum Place {
    #[cfg(unix)]
    Path(PathBuf),
    Port(SocketAddr),
}

/// A connection to tiny_http.
#[derive(Debug)]
pub(crate) enum Stream {
    #[cfg(unix)]
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Private {
    /// Makes the folder: mode 0700, its name random. Folders of servers that were killed are removed.
    pub(crate) fn new() -> Self {
        #[cfg(unix)]
        super::litter::remove_all();
        Self {
            #[cfg(unix)]
            folder: private_folder().ok(),
            upstream: Upstream::default(),
        }
    }

    /// The way to the server that was made last.
    pub(crate) fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    /// A tiny_http that listens in private; requests that come from now on go to it. tiny_http stops listening for
    /// ever when it once cannot accept, and its `recv` says so with an error: then another can be made.
    ///
    /// # Errors
    /// The operating system gives no socket.
    pub(crate) fn server(&self) -> io::Result<tiny_http::Server> {
        let (listener, place) = self.listen()?;
        let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        *self.upstream.lock() = Some(place);
        Ok(server)
    }

    /// The folder of the sockets, where there is one.
    #[cfg(all(test, unix))]
    pub(crate) fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_ref().map(tempfile::TempDir::path)
    }

    fn listen(&self) -> io::Result<(tiny_http::Listener, Place)> {
        #[cfg(unix)]
        if let Some(folder) = &self.folder {
            let path = folder.path().join(format!("{}.sock", super::client::random_hex::<8>()));
            // A temporary folder may have a longer path than an address of a socket may have.
            if let Ok(listener) = UnixListener::bind(&path) {
                return Ok((listener.into(), Place::Path(path)));
            }
        }
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok((listener.into(), Place::Port(address)))
    }
}

/// Only this user can enter it.
#[cfg(unix)]
fn private_folder() -> io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let only_us = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix(PREFIX).permissions(only_us).tempdir()
}

impl Upstream {
    /// A new connection.
    pub(crate) fn connect(&self) -> io::Result<Stream> {
        let place = self.lock().clone();
        match place {
            #[cfg(unix)]
            Some(Place::Path(path)) => UnixStream::connect(path).map(Stream::Unix),
            Some(Place::Port(address)) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            None => Err(io::Error::other("no server listens yet")),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// How long one read and one write may take.
    pub(crate) fn set_timeouts(&self, read: Duration, write: Duration) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(read))?;
                stream.set_write_timeout(Some(write))
            }
            Self::Tcp(stream) => {
                stream.set_read_timeout(Some(read))?;
                stream.set_write_timeout(Some(write))
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(bytes),
            Self::Tcp(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
