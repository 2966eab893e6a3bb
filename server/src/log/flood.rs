//! Lines that come too fast: whoever can reach the server can make it say the same thing thousands of times a second.
//! Of each place in the program, some lines a second are written, and how many were not is said.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing::callsite::Identifier;

/// Lines in a row that are written whatever they are.
const BURST: f64 = 300.0;
/// Lines a second beyond that.
const RATE: f64 = 100.0;
/// How often it is said how many were left out.
const TELL: Duration = Duration::from_secs(1);
/// What has this field is always written: it was said for somebody with a key.
pub(crate) const ALWAYS: &str = "key";

/// What was written lately, by the place that said it.
#[derive(Debug, Default)]
pub(super) struct Flood(Mutex<HashMap<Identifier, Bucket>>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    since: Instant,
    left_out: u64,
    told: Instant,
}

/// Whether a line is written, and how many of its kind were not before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) written: bool,
    pub(super) left_out: u64,
}

impl Flood {
    /// About one line more.
    pub(super) fn judge(&self, line: &Metadata<'_>) -> Verdict {
        if line.fields().field(ALWAYS).is_some() {
            return Verdict { written: true, left_out: 0 };
        }
        self.lock().entry(line.callsite()).or_insert_with(|| Bucket::new(Instant::now())).take(Instant::now())
    }

    /// How many were left out and not told.
    pub(super) fn rest(&self) -> u64 {
        self.lock().values_mut().map(|bucket| std::mem::take(&mut bucket.left_out)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Identifier, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Self { left: BURST, since: now, left_out: 0, told: now }
    }

    fn take(&mut self, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.left = (self.left + passed * RATE).min(BURST);
        self.since = now;
        let written = self.left >= 1.0;
        if written {
            self.left -= 1.0;
        } else {
            self.left_out += 1;
        }
        let mut verdict = Verdict { written, left_out: 0 };
        if self.left_out > 0 && now.saturating_duration_since(self.told) >= TELL {
            verdict.left_out = std::mem::take(&mut self.left_out);
            self.told = now;
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_written_in_part_and_counted_whole() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let (mut written, mut told) = (0, 0);
        // Ten seconds of 5000 lines each.
        for line in 0..50_000_u64 {
            let Verdict { written: one, left_out } = bucket.take(start + Duration::from_micros(line * 200));
            written += u64::from(one);
            told += left_out;
        }
        assert!((1250..1350).contains(&written), "{written} lines");
        assert_eq!(written + told + bucket.left_out, 50_000);
        assert!(told > 40_000, "most are reported while it lasts: {told}");
    }

    #[test]
    fn what_comes_slowly_is_written_whole() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        for line in 0..2000 {
            let verdict = bucket.take(start + Duration::from_millis(line * 11));
            assert_eq!(verdict, Verdict { written: true, left_out: 0 }, "line {line}");
        }
    }
}
