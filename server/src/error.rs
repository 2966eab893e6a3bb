//! What can keep the server from starting: what failed, where, and what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The server's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can keep the server from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option, or two that do not go together: the operator's mistake.
    #[error("{0}")]
    Options(String),

    /// The address cannot be listened at.
    #[error("cannot listen at {at}: {source}; is another server there? try --listen 127.0.0.1:0")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },

    /// The data directory cannot be used.
    #[error("the data directory {}: {what}", at.display())]
    Data {
        /// The directory, or the file in it.
        at: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },

    /// The engine could not open the model or the device.
    #[error(transparent)]
    Engine(#[from] fulmen_engine::Error),
}
