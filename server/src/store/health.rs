//! Whether the database can be written, as `/readyz` tells anybody who asks: looked at by one at a time, and not again
//! within a moment, so that many who ask cost no more than one.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// How long an answer counts.
const MOMENT: Duration = Duration::from_millis(250);

/// The last answer.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<(Instant, Result<(), Problem>)>>);

impl Health {
    /// The last answer, or a new one. Whoever waits for another who looks has that one's answer.
    pub(super) fn recent(&self, look: impl FnOnce() -> Result<(), Problem>) -> Result<(), Problem> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, answer)) if at.elapsed() < MOMENT => answer.clone(),
            _ => {
                let answer = look();
                *last = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }
}
