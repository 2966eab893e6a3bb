//! The private way from the gate to tiny_http: a Unix socket in the data directory, in a folder that only this user
//! can enter. Where there are none, a port of the loopback address; there the token of each request keeps others out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inner::Inner;
#[cfg(not(unix))]
use super::port as way;
#[cfg(unix)]
use super::socket as way;
use super::upstream::Upstream;
use crate::error::{Error, Result};

/// The folder within the data directory.
const FOLDER: &str = "gate";

/// Makes the private place where tiny_http listens.
#[derive(Debug)]
pub(crate) struct Private {
    folder: PathBuf,
    upstream: Upstream,
}

impl Private {
    /// Finds its place in a data directory that belongs to this server alone: what an earlier one left there goes.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(crate) fn new(data: &Path) -> Result<Self> {
        let folder = data.join(FOLDER);
        match way::prepare(&folder) {
            Ok(()) => Ok(Self { folder, upstream: Upstream::default() }),
            Err(error) => Err(unusable(&folder, &error)),
        }
    }

    /// The way to the server that was made last.
    pub(crate) fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    /// A tiny_http that listens in private; requests that come from now on go to it. tiny_http stops listening for
    /// ever when it once cannot accept, or has no thread: then another can be made.
    ///
    /// # Errors
    /// The operating system gives no socket or no thread.
    pub(crate) fn server(&self) -> io::Result<Arc<Inner>> {
        let inner = Arc::new(Inner::listen(&self.folder)?);
        self.upstream.open(&inner);
        Ok(inner)
    }

    /// Why no server can be made at the start, as a sentence.
    pub(crate) fn unusable(&self, error: &io::Error) -> Error {
        unusable(&self.folder, error)
    }
}

fn unusable(folder: &Path, error: &io::Error) -> Error {
    let what = format!(
        "no private socket can be made in it: {error}; choose a directory on a local disk with --data, and see that \
         there are threads and file descriptors left"
    );
    Error::Data { at: folder.to_owned(), what }
}
