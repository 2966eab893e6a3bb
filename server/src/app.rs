//! Everything that handlers share.

use std::net::SocketAddr;
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::Config;
use crate::auth::{Keyring, Links};
use crate::jobs::{Models, Queue, Unstored};
use crate::metrics::Metrics;
use crate::store::Store;

/// Everything that handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    /// Where it really listens, once it does: with the real port where 0 was requested.
    pub(crate) address: OnceLock<SocketAddr>,
    pub(crate) models: Models,
    pub(crate) keys: Keyring,
    pub(crate) links: Links,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) metrics: Metrics,
    pub(crate) started: Timestamp,
    /// Generations whose pictures are drawn or about to be, and not yet kept.
    pub(crate) unstored: Unstored,
}

impl App {
    /// The address to name in a sentence.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.get().copied().unwrap_or(self.config.listen)
    }
}
