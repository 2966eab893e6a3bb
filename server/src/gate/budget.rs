//! Memory that all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that each share may have outside the budget: someone who fills the budget with large bodies cannot keep
/// the small ones, and so most callers, from being read.
const FREE: usize = 64 << 10;

/// So many bytes, and no more.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    used: AtomicUsize,
}

/// A part of a budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, used: AtomicUsize::new(0) })
    }

    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Share {
    /// Makes the share large enough for `capacity` bytes; `false` if there is not so much left.
    #[must_use]
    pub(super) fn grow(&mut self, capacity: usize) -> bool {
        let wanted = capacity.saturating_sub(FREE);
        let Some(more) = wanted.checked_sub(self.bytes) else { return true };
        let most = self.budget.most;
        let add = |used: usize| used.checked_add(more).filter(|&used| used <= most);
        let grown = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok();
        if grown {
            self.bytes = wanted;
        }
        grown
    }

    /// Room for `more` bytes behind those of `bytes`, which grows to `most` at most; `false` if there is not so much.
    #[must_use]
    pub(super) fn reserve(&mut self, bytes: &mut Vec<u8>, more: usize, most: usize) -> bool {
        let needed = bytes.len().saturating_add(more);
        if needed <= bytes.capacity() {
            return true;
        }
        // Doubled, so that a body is not moved for every read; counted before it is allocated.
        let capacity = bytes.capacity().saturating_mul(2).min(most).max(needed);
        let grown = self.grow(capacity);
        if grown {
            bytes.reserve_exact(capacity - bytes.len());
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
