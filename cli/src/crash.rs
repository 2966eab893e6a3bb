//! The last line of defence: a panic is our mistake, and a user gets one sentence that says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::failure::{self, Failure};

/// What the latest panic said, and where. Not all of them reach [`guard`]: the engine expects some
/// of its drivers and catches them.
static LATEST: Mutex<Option<String>> = Mutex::new(None);

/// Panics print nothing where they happen. Set RUST_BACKTRACE to see them as usual.
pub(crate) fn keep_quiet() {
    let usual = std::panic::take_hook();
    let asked = std::env::var_os("RUST_BACKTRACE").is_some();
    std::panic::set_hook(Box::new(move |panic| {
        if asked && !failure::is_logged() {
            usual(panic);
        }
        let place = panic.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let said = said.unwrap_or("a panic without words");
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{said}{place}"));
    }));
}

/// Runs `work`; a panic in it becomes a failure.
pub(crate) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(Failure::Crash(latest.unwrap_or_else(|| "a panic; its message was printed above".into())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_one_sentence_that_asks_for_a_report() {
        keep_quiet();
        let failure = guard(|| panic!("seven is not {}", 8)).unwrap_err().to_string();
        assert!(failure.contains("please report it") && failure.contains("selftest"), "{failure}");
        let shown = std::env::var_os("RUST_BACKTRACE").is_some();
        assert!(shown || failure.contains("seven is not 8 at "), "{failure}");
        assert_eq!(failure.lines().count(), 1, "{failure}");
    }
}
