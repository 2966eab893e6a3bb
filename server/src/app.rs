//! Everything that handlers share.

use jiff::Timestamp;

use crate::Config;
use crate::auth::{Keyring, Links};
use crate::jobs::{ModelInfo, Queue, Unstored};
use crate::metrics::Metrics;
use crate::store::Store;

/// Everything that handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) model: ModelInfo,
    pub(crate) keys: Keyring,
    pub(crate) links: Links,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) metrics: Metrics,
    pub(crate) started: Timestamp,
    /// Generations whose pictures are drawn or about to be, and not yet kept.
    pub(crate) unstored: Unstored,
}
