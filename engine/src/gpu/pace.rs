//! How much work a submission may have: as much as this device was seen to do in a tenth of a second. A cancel is then
//! obeyed soon, no watchdog of a system ends the driver's work, and yet a fast device is given much at once.
//!
//! Work is counted as `Dispatch::work` estimates it. Nothing is assumed of a device: the first submissions are as small as
//! a slow one needs them, and each may have a few times the work of the one before. What was learnt stays while the
//! device is open.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::AdapterKind;

/// Seconds of a submission.
const SECONDS: f64 = 0.1;

/// Work of the first submission: a tenth of a second of a device of 20 GFLOP/s.
const FIRST: u64 = 2_000_000_000;

/// Less makes submissions that cost more than their work.
const LEAST: u64 = 100_000_000;

/// How many times more work the next submission may have than one that was seen to end in time.
const GROWTH: u64 = 4;

/// A shorter submission says more of what submitting costs than of the device.
const TELLING: f64 = 0.005;

/// Bounds for the work of one dispatch: what cannot be cut into submissions must be cut into dispatches, before they first
/// run, but many small ones leave most of a large device idle.
const DISPATCH: std::ops::RangeInclusive<u64> = 1_000_000_000..=200_000_000_000;

/// What was learnt of a device.
pub(super) struct Pace(Mutex<Learnt>);

struct Learnt {
    submission: u64,
    /// Work in a second of the last submission that tells.
    speed: Option<f64>,
    dispatch: u64,
}

impl Pace {
    /// Nothing yet of a device of this kind.
    pub(super) fn new(kind: AdapterKind) -> Self {
        Self(Mutex::new(Learnt { submission: FIRST, speed: None, dispatch: usual_dispatch(kind) }))
    }

    fn lock(&self) -> MutexGuard<'_, Learnt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Work of the next submission at the most.
    pub(super) fn submission(&self) -> u64 {
        self.lock().submission
    }

    /// Work of a dispatch at the most.
    pub(super) fn dispatch(&self) -> u64 {
        let learnt = self.lock();
        let measured = learnt.speed.map(|speed| (speed * SECONDS) as u64);
        measured.map_or(learnt.dispatch, |work| work.clamp(*DISPATCH.start(), *DISPATCH.end()))
    }

    /// Takes note of a submission that the device took so long for.
    pub(super) fn learn(&self, work: u64, seconds: f64) {
        let mut learnt = self.lock();
        if seconds >= TELLING {
            learnt.speed = Some(work as f64 / seconds);
        }
        let in_time = (work as f64 * SECONDS / seconds.max(1e-9)) as u64;
        learnt.submission = if seconds <= SECONDS {
            // A short one may have been the rest of a graph: it proves that its own work is in time, and no other's is not.
            learnt.submission.max(in_time.min(work.saturating_mul(GROWTH)))
        } else {
            learnt.submission.min(in_time.max(LEAST))
        };
    }
}

/// Work of a dispatch before anything is known, in the tenth of a second and the few of them that a system's watchdog
/// allows (some wait 2 s): discrete GPUs reach 500 GFLOP/s, others 100 and software 20 with any kernel.
fn usual_dispatch(kind: AdapterKind) -> u64 {
    match kind {
        AdapterKind::Discrete => 100_000_000_000,
        AdapterKind::Integrated | AdapterKind::Virtual | AdapterKind::Other => 20_000_000_000,
        AdapterKind::Software => 4_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs so much work on a device of this speed; how many submissions it was, and how long the longest took.
    fn run(pace: &Pace, mut work: u64, speed: f64) -> (usize, f64) {
        let (mut submissions, mut longest) = (0, 0.0f64);
        while work > 0 {
            let some = work.min(pace.submission());
            let seconds = some as f64 / speed + 50e-6;
            pace.learn(some, seconds);
            longest = longest.max(seconds);
            submissions += 1;
            work -= some;
        }
        (submissions, longest)
    }

    /// A call of SDXL's UNet at 1024×1024.
    const CALL: u64 = 6_761_000_000_000;

    #[test]
    fn slow_and_fast_devices_are_given_a_tenth_of_a_second_at_once() {
        for speed in [20e9, 60e9, 1e12, 20e12, 300e12] {
            let pace = Pace::new(AdapterKind::Discrete);
            let (first, longest) = run(&pace, CALL, speed);
            assert!(longest < 1.5 * SECONDS, "{speed:e} FLOP/s: a submission took {longest} s");
            let (again, longest) = run(&pace, CALL, speed);
            assert!(longest < 1.5 * SECONDS, "{speed:e} FLOP/s: a submission took {longest} s");
            let needed = (CALL as f64 / speed / SECONDS).ceil() as usize;
            let most = needed + needed / 100 + 1;
            assert!(again <= most && again <= first, "{speed:e} FLOP/s: {first}, then {again} of {needed}");
        }
    }

    #[test]
    fn a_device_that_is_slower_for_a_while_is_given_less_and_then_more_again() {
        let pace = Pace::new(AdapterKind::Integrated);
        run(&pace, CALL, 1e12);
        let usual = pace.submission();
        pace.learn(usual, 10.0 * SECONDS);
        assert!(pace.submission() < usual / 5, "{} of {usual}", pace.submission());
        run(&pace, CALL, 1e12);
        assert!(pace.submission() > usual * 9 / 10, "{} of {usual}", pace.submission());
    }

    #[test]
    fn the_small_rest_of_a_graph_teaches_nothing_wrong() {
        let pace = Pace::new(AdapterKind::Discrete);
        run(&pace, CALL, 20e12);
        let (submission, dispatch) = (pace.submission(), pace.dispatch());
        pace.learn(1_000_000, 60e-6);
        assert_eq!((pace.submission(), pace.dispatch()), (submission, dispatch));
    }

    #[test]
    fn dispatches_are_as_large_as_a_device_was_seen_to_allow() {
        let pace = Pace::new(AdapterKind::Software);
        assert_eq!(pace.dispatch(), 4_000_000_000);
        pace.learn(1_000_000_000, 1.0);
        assert_eq!(pace.dispatch(), *DISPATCH.start(), "a device of 1 GFLOP/s");
        pace.learn(1_000_000_000_000, 0.01);
        assert_eq!(pace.dispatch(), *DISPATCH.end(), "one of 100 TFLOP/s");
    }
}
