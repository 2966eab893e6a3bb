//! How fast this server draws, as measured, to say how long a wait will be.

use std::time::Duration;

use super::Spec;

/// Before anything was measured: seconds for a job.
const UNKNOWN: f64 = 5.0;

/// How much the newest job counts against all before it.
const WEIGHT: f64 = 0.3;

/// Seconds for a picture of a million pixels, smoothed.
#[derive(Debug, Default)]
pub(super) struct Speed {
    seconds: Option<f64>,
}

impl Speed {
    pub(super) fn measured(&mut self, spec: &Spec, time: Duration) {
        let now = time.as_secs_f64() / work(spec);
        self.seconds = Some(self.seconds.map_or(now, |before| before + WEIGHT * (now - before)));
    }

    pub(super) fn estimate(&self, spec: &Spec) -> f64 {
        self.seconds.map_or(UNKNOWN, |seconds| seconds * work(spec))
    }
}

/// Millions of pixels. Steps are left out: most jobs of a server have the model's own number.
fn work(spec: &Spec) -> f64 {
    (spec.images * spec.width * spec.height).max(1) as f64 / 1e6
}
