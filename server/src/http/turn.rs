//! Few requests at a time are on their way to tiny_http. It has four threads that read requests, and panics where it
//! needs one more than the system gives; with fewer than four on their way it needs none.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests that are on their way at once: one less than tiny_http has threads, because one of those may still be
/// on its way back from the request before.
const MOST: usize = 3;

/// The turns of all requests.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<(Mutex<usize>, Condvar)>);

/// One request's turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Turns);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(MOST), Condvar::new())))
    }
}

impl Turns {
    /// A turn; `None` if there is none until then.
    pub(crate) fn take(&self, deadline: Instant) -> Option<Turn> {
        let (left, freed) = &*self.0;
        let left = left.lock().unwrap_or_else(PoisonError::into_inner);
        let time = deadline.saturating_duration_since(Instant::now());
        let waited = freed.wait_timeout_while(left, time.max(Duration::from_millis(1)), |left| *left == 0);
        let (mut left, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(1)?;
        Some(Turn(self.clone()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (left, freed) = &*self.0.0;
        *left.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        freed.notify_one();
    }
}
