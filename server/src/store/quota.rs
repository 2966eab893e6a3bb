//! How many bytes may be kept, and who was promised some.
//!
//! The policy is to refuse, never to delete: what was promised to be kept is kept until its time. So room is set
//! aside before a picture is drawn, and whoever finds none gets an error before anything was spent on them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::problem::Problem;

/// The bytes in use and those set aside.
#[derive(Debug)]
pub(super) struct Quota {
    most: Option<u64>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    /// By pictures that are kept.
    kept: u64,
    /// By what is still drawn.
    reserved: u64,
}

/// Room that is set aside for a picture until it is stored or given up; given back on drop.
#[derive(Debug)]
#[must_use]
pub(crate) struct Reservation {
    quota: Arc<Quota>,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut taken = self.quota.lock();
        taken.reserved = taken.reserved.saturating_sub(self.bytes);
    }
}

/// Room for pictures whose rows are not committed yet; given back on drop.
#[derive(Debug)]
#[must_use]
pub(super) struct Taking<'a> {
    quota: &'a Quota,
    bytes: u64,
}

impl Taking<'_> {
    /// The rows are committed: the pictures count from now on.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.quota.release(self.bytes);
    }
}

impl Quota {
    pub(super) fn new(most: Option<u64>, kept: u64) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::new(Taken { kept, reserved: 0 }) })
    }

    /// Whether there is a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// Sets bytes aside. `beside` is what all but the pictures takes now.
    ///
    /// Who asks for nothing is never refused.
    pub(super) fn reserve(self: &Arc<Self>, bytes: u64, beside: u64) -> Result<Reservation, Problem> {
        let mut taken = self.lock();
        let after = taken.kept.saturating_add(taken.reserved).saturating_add(beside).saturating_add(bytes);
        if bytes > 0 && self.most.is_some_and(|most| after > most) {
            return Err(self.full(*taken, bytes, beside));
        }
        taken.reserved = taken.reserved.saturating_add(bytes);
        Ok(Reservation { quota: Arc::clone(self), bytes })
    }

    /// Takes room for pictures that are stored now. What is set aside does not count: it is for these very pictures,
    /// and they find room even if the database has grown meanwhile.
    pub(super) fn take(&self, bytes: u64, beside: u64) -> Result<Taking<'_>, Problem> {
        let mut taken = self.lock();
        let after = taken.kept.saturating_add(beside).saturating_add(bytes);
        if bytes > taken.reserved && self.most.is_some_and(|most| after > most) {
            return Err(self.full(*taken, bytes, beside));
        }
        taken.kept = taken.kept.saturating_add(bytes);
        Ok(Taking { quota: self, bytes })
    }

    pub(super) fn release(&self, bytes: u64) {
        let mut taken = self.lock();
        taken.kept = taken.kept.saturating_sub(bytes);
    }

    /// Bytes of the pictures that are kept.
    pub(super) fn kept(&self) -> u64 {
        self.lock().kept
    }

    /// Whether so many bytes could never be kept, whatever is deleted.
    ///
    /// # Errors
    /// 503, and what to do.
    pub(super) fn could_hold(&self, bytes: u64) -> Result<(), Problem> {
        match self.most {
            Some(most) if bytes > most => Err(self.full(*self.lock(), bytes, 0)),
            _ => Ok(()),
        }
    }

    fn full(&self, taken: Taken, bytes: u64, beside: u64) -> Problem {
        let most = self.most.unwrap_or(u64::MAX);
        let Taken { kept, reserved } = taken;
        let way_out = if bytes > most {
            "start the server with a larger --max-storage"
        } else {
            "delete images or generations, wait for links to expire, or start the server with a larger --max-storage"
        };
        let message = format!(
            "there is no room for {bytes} bytes more: --max-storage allows {most}, images take {kept}, the database and \
             what lies beside it {beside}, drawings in progress have reserved {reserved}; {way_out}"
        );
        Problem::new(503, "storage_full", message)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
