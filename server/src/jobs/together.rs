//! The jobs that are drawn at this moment: one, or several that can be drawn side by side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::Job;
use super::speed::Speed;

/// Jobs that are drawn together. Default: nothing is drawn.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// Those that have not ended.
    pub(super) jobs: Vec<Arc<Job>>,
    /// Since when, and how many there were then.
    pub(super) began: Option<(Instant, usize)>,
    /// What was done for those that have ended.
    work: f64,
    /// Whether any of them has pictures.
    has_drawn: bool,
}

impl Together {
    /// They are all there. Drawn one after the other each would have `time`; together they have as much.
    pub(super) fn begin(&mut self, time: Duration) {
        let (now, count) = (Instant::now(), self.jobs.len());
        self.began = Some((now, count));
        if let Some(end) = now.checked_add(time.saturating_mul(count as u32)) {
            self.jobs.iter().for_each(|job| job.cancel.cancel_at(end));
        }
    }

    /// One has ended; whether it was among them.
    pub(super) fn leave(&mut self, job: &Arc<Job>, has_drawn: bool) -> bool {
        let Some(at) = self.jobs.iter().position(|one| Arc::ptr_eq(one, job)) else { return false };
        self.jobs.remove(at);
        self.work += job.work * if has_drawn { 1.0 } else { job.done() };
        self.has_drawn |= has_drawn;
        true
    }

    /// How much was done in which time, once all have ended.
    pub(super) fn measured(&self) -> Option<(f64, Duration)> {
        let (since, _) = self.began.filter(|_| self.jobs.is_empty() && self.has_drawn)?;
        Some((self.work, since.elapsed()))
    }

    /// The speed that this tells, and the seconds until all should have ended; at most `longest` for each.
    pub(super) fn outlook(&self, speed: &Speed, longest: f64) -> (Speed, f64) {
        let Some((since, count)) = self.began else { return (*speed, 0.0) };
        let time = since.elapsed();
        let done = self.work + self.jobs.iter().map(|job| job.done() * job.work).sum::<f64>();
        let all = self.work + self.jobs.iter().map(|job| job.work).sum::<f64>();
        let speed = speed.with_running(done, time);
        let left = speed.estimate(all - done);
        // Nothing is known of one that has not come to its first step but that it lasts.
        let left = if done > 0.0 { left } else { left.max(time.as_secs_f64()) };
        (speed, left.min(longest * count as f64 - time.as_secs_f64()))
    }
}
