//! Whether there is memory for a job: for the engine, and for what is made of its pictures until the answer is taken.
//!
//! What a job was promised counts until it is taken or given up, so that the jobs before it, whose answers are still
//! being written, do not find their memory gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fulmen_engine::backend::CancelToken;
use fulmen_engine::memory::Memory;
use fulmen_engine::picture::encoding;

use super::{InitSpec, ModelInfo, Spec, finish};
use crate::fields::Finish;
use crate::problem::Problem;

/// What is not counted: connections, records, threads.
const BESIDE: u64 = 32 << 20;

/// How long to wait for others' answers to be written.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether they are.
const LOOK: Duration = Duration::from_millis(20);

/// Seconds after which it is worth asking again.
const RETRY_AFTER: u64 = 10;

/// Bytes of a pixel; no file takes more but for its text.
const PIXEL: u64 = 3;

/// Bytes of a pixel in base64.
const BASE64: u64 = 4;

/// Bytes of a pixel between two resamplings.
const RESAMPLED: u64 = 16;

/// Bytes of a pixel while its picture is given a transparent background: alpha, and what it is found with.
pub(super) const MATTE: u64 = 24;

/// Bytes of a pixel while a finished picture is put back into the one that it was drawn over: that one in its size, the
/// mask, and the picture that comes of both.
const PUT_BACK: u64 = 16;

/// Where a job's pictures go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Files that are kept.
    Files,
    /// One answer with all of them in base64.
    Base64,
    /// Events, each with one of them.
    Events,
}

/// Bytes that a job takes beside the engine, from its first picture to the last byte of its answer.
pub(super) fn beside(model: &ModelInfo, spec: &Spec, (outcome, previews): (Outcome, usize)) -> u64 {
    let one = (spec.width * spec.height) as u64;
    let all = one * spec.images as u64;
    let drawn = model.made_size(spec);
    let resampled = if drawn == (spec.width, spec.height) {
        0
    } else {
        (drawn.0 * spec.height) as u64 * RESAMPLED + one * PIXEL
    };
    let finish = if spec.finish == Finish::NONE { 0 } else { (drawn.0 * drawn.1) as u64 * finish::BYTES };
    let is_partial = |init: &InitSpec| init.mask.is_some() || init.outpaint.is_some();
    let put_back = if spec.init.as_ref().is_some_and(is_partial) { one * PUT_BACK } else { 0 };
    let matte = if spec.transparent { one * MATTE } else { 0 };
    let encoding = encoding(spec.width, spec.height, spec.transparent || spec.init.is_some());
    let answer = match outcome {
        // Each picture gives way to its file.
        Outcome::Files => 0,
        // The text of each, and then the answer, which grows by doubling.
        Outcome::Base64 => all * 3 * BASE64 - all * PIXEL,
        Outcome::Events => one * 3 * BASE64,
    };
    let preview = (model.largest_preview * model.largest_preview) as u64;
    let previews = (previews * spec.images) as u64 * preview * PIXEL;
    all * PIXEL + resampled.max(finish).max(put_back) + matte + encoding + answer + previews
}

/// Memory that was promised to jobs and is not given back yet. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises(Arc<AtomicU64>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Promise {
    promises: Promises,
    bytes: u64,
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.promises.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a job needs, in bytes: while it is drawn, and until its answer is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) engine: u64,
    pub(super) beside: u64,
}

impl Promises {
    /// Promises a job its memory; waits so long while answers before it are still being written.
    ///
    /// # Errors
    /// 400 where there never is so much, 503 where there is not now.
    pub(super) fn make(
        &self,
        need: Need,
        cancel: &CancelToken,
        patience: Duration,
    ) -> Result<Promise, Problem> {
        self.make_of(need, cancel, patience, Memory::now)
    }

    /// A promise of more than there is.
    #[cfg(test)]
    pub(super) fn of_everything(&self) -> Promise {
        let bytes = u64::MAX / 2;
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Promise { promises: self.clone(), bytes }
    }

    fn make_of(
        &self,
        need: Need,
        cancel: &CancelToken,
        patience: Duration,
        now: impl Fn() -> Memory,
    ) -> Result<Promise, Problem> {
        let all = need.engine.saturating_add(need.beside).saturating_add(BESIDE);
        let end = Instant::now() + patience;
        loop {
            let (Memory { total, free }, promised) = (now(), self.0.load(Ordering::Relaxed));
            if all > total {
                return Err(never(all, total));
            }
            if all <= free.saturating_sub(promised) {
                self.0.fetch_add(need.beside, Ordering::Relaxed);
                return Ok(Promise { promises: self.clone(), bytes: need.beside });
            }
            // The engine reports the cancellation.
            if promised == 0 || Instant::now() >= end || cancel.check().is_err() {
                return Err(not_now(all, free.saturating_sub(promised)));
            }
            thread::sleep(LOOK);
        }
    }
}

fn never(need: u64, total: u64) -> Problem {
    let message = format!(
        "this needs {} MiB of memory, with its pictures and their files, and this server can have {} MiB; ask for fewer \
         pictures or a smaller size",
        need >> 20,
        total >> 20
    );
    Problem::new(400, "too_large", message)
}

fn not_now(need: u64, free: u64) -> Problem {
    let message = format!(
        "this needs {} MiB of memory, with its pictures and their files, and {} MiB are left right now; ask again \
         later, or for fewer pictures or a smaller size",
        need >> 20,
        free >> 20
    );
    Problem::busy("memory_short", message, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn model(is_demo: bool) -> ModelInfo {
        let (name, device) = ("a model".into(), "cpu".into());
        let own_size = if is_demo { 128 } else { 1024 };
        ModelInfo {
            name,
            own_size,
            is_demo,
            distilled: true,
            steps: 4,
            hd_steps: 8,
            guidance: 0.0,
            largest_preview: 256,
            device,
            nets: crate::config::Nets::default(),
            enlarging: 0.0,
        }
    }

    fn need(engine: u64, beside: u64) -> Need {
        Need { engine: engine * MIB, beside: beside * MIB }
    }

    fn with(total: u64, free: u64) -> impl Fn() -> Memory {
        move || Memory { total: total * MIB, free: free * MIB }
    }

    #[test]
    fn a_promise_counts_until_it_is_given_back() {
        let (promises, cancel) = (Promises::default(), CancelToken::default());
        let first = promises.make_of(need(100, 300), &cancel, PATIENCE, with(1000, 500)).unwrap();
        cancel.cancel();
        let second = promises.make_of(need(100, 300), &cancel, PATIENCE, with(1000, 500)).unwrap_err();
        assert_eq!((second.status, second.code), (503, "memory_short"));
        assert!(
            second.message.contains("432 MiB") && second.message.contains("200 MiB"),
            "{}",
            second.message
        );
        drop(first);
        assert!(promises.make_of(need(100, 300), &cancel, PATIENCE, with(1000, 500)).is_ok());
    }

    #[test]
    fn a_job_waits_for_the_answers_before_it() {
        let (promises, cancel) = (Promises::default(), CancelToken::default());
        let first = promises.make_of(need(0, 300), &cancel, PATIENCE, with(1000, 500)).unwrap();
        let giving_back = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            drop(first);
        });
        assert!(promises.make_of(need(100, 300), &cancel, PATIENCE, with(1000, 500)).is_ok());
        giving_back.join().unwrap();
    }

    #[test]
    fn what_never_fits_is_the_callers_affair_and_what_does_not_fit_now_is_not() {
        let (promises, cancel) = (Promises::default(), CancelToken::default());
        let ask = |needed| promises.make_of(need(needed, 0), &cancel, PATIENCE, with(1000, 500)).map(drop);
        let code = |asked: Result<(), Problem>| asked.map_err(|problem| (problem.status, problem.code));
        assert_eq!(code(ask(468)), Ok(()));
        assert_eq!(code(ask(469)), Err((503, "memory_short")), "something is left for all else");
        assert_eq!(code(ask(969)), Err((400, "too_large")));
        assert_eq!(ask(u64::MAX >> 20).unwrap_err().code, "too_large");
    }

    #[test]
    fn more_pictures_take_more_and_each_outcome_its_own() {
        let of = |images, outcome| {
            let spec = Spec { width: 1000, height: 1000, images, ..Spec::default() };
            beside(&model(false), &spec, (outcome, 0))
        };
        let pixels = |count: u64| count * 1_000_000;
        assert_eq!(of(1, Outcome::Files), pixels(3 + 13));
        assert_eq!(of(10, Outcome::Files), pixels(30 + 13));
        assert_eq!(of(10, Outcome::Base64), pixels(120 + 13));
        assert_eq!(of(10, Outcome::Events), pixels(30 + 13 + 12));
        let small = Spec { width: 1000, height: 1000, images: 1, ..Spec::default() };
        assert!(beside(&model(true), &small, (Outcome::Files, 0)) > of(1, Outcome::Files), "it is resampled");
        assert!(beside(&model(false), &small, (Outcome::Files, 3)) > of(1, Outcome::Files), "previews stay");
    }
}
