//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop at its next node, the second stops
//! the process.

use std::sync::atomic::{AtomicBool, Ordering};

use fulmen_engine::backend::CancelToken;

use crate::{aside, console};

/// The shell's code for a process that SIGINT ended.
const KILLED: i32 = 130;

/// A token that is cancelled by the first signal.
pub(crate) fn cancel_on_signal() -> CancelToken {
    let token = CancelToken::default();
    let theirs = token.clone();
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            aside::remove_unfinished();
            std::process::exit(KILLED);
        }
        theirs.cancel();
        console::err("fulmen: stopping; press Ctrl-C again to stop at once");
    };
    // Without a handler a signal ends the process as it would any other.
    drop(ctrlc::set_handler(handler));
    token
}
