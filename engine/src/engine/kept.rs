//! Networks that requests name by file: each is opened once, and again when its file has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::Result;
use crate::request::MOST_CONTROLS;

/// Networks of one kind that are kept open: as many as a request may name.
const MOST: usize = MOST_CONTROLS;

/// Networks of one kind, the one that was used last at the end.
pub(super) struct Kept<T>(Vec<Net<T>>);

/// A network, and the file that it was opened from.
struct Net<T> {
    path: PathBuf,
    modified: Option<SystemTime>,
    id: u64,
    net: Arc<T>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<T> Kept<T> {
    /// The network of a file, with a number that no other has: the one that was opened before, where the file is as it
    /// was and what is mapped of it `is_whole`.
    pub(super) fn get(
        &mut self,
        path: &Path,
        is_whole: impl Fn(&T) -> bool,
        open: impl FnOnce() -> Result<T>,
    ) -> Result<(u64, Arc<T>)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let modified = fs::metadata(path).and_then(|about| about.modified()).ok();
        let is_same = |net: &Net<T>| net.path == path && net.modified == modified && is_whole(&net.net);
        let net = match self.0.iter().position(is_same) {
            Some(at) => self.0.remove(at),
            None => {
                self.0.retain(|net| net.path != path);
                let id = NEXT.fetch_add(1, Ordering::Relaxed);
                Net { path: path.to_path_buf(), modified, id, net: Arc::new(open()?) }
            }
        };
        let found = (net.id, net.net.clone());
        self.0.push(net);
        let extra = self.0.len().saturating_sub(MOST);
        self.0.drain(..extra);
        Ok(found)
    }
}
