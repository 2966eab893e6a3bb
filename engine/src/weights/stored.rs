//! What a file of weights holds, whatever its format.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::about::About;
use super::numbers::Numbers;

/// A tensor as it lies in a file.
#[derive(Debug, Clone)]
pub(crate) struct StoredTensor {
    pub(crate) file: Arc<Path>,
    /// Its name in that file.
    pub(crate) key: String,
    /// How its numbers are stored; the name of a way that is not read otherwise.
    pub(crate) numbers: Result<Numbers, String>,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Bytes,
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// By their names in the file.
    pub(crate) tensors: HashMap<String, StoredTensor>,
    /// Bytes after the last tensor, which nothing speaks of.
    pub(crate) rest: usize,
    /// What the file says of itself.
    pub(crate) about: About,
}
