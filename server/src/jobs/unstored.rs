//! Jobs whose caller was answered already, and whose pictures are not kept yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// How often a wait looks whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Generations that were answered, and are not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Unstored {
    /// Drawn, or to be drawn.
    pub(crate) all: AtomicUsize,
    /// Drawn, but the data directory refuses all pictures.
    pub(crate) refused: AtomicUsize,
}

impl Unstored {
    /// Whether new generations make sense.
    ///
    /// # Errors
    /// 503 while nothing that is drawn can be stored: more would only fill the memory.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self.refused.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => {
                let message =
                    "pictures that are drawn cannot be stored; the server tries again, and its log says why";
                Err(Problem::busy("storage_unavailable", message, 30))
            }
        }
    }

    /// Waits until all are stored or given up; `false` if that takes longer than `time`.
    pub(crate) fn wait_until_none(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while self.all.load(Ordering::Acquire) > 0 {
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(LOOK);
        }
        true
    }
}
