//! Signals: the first one that asks to stop lets the work end in order, the second ends the process. What a limit, a
//! timer or another program sends by habit ends nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use fulmen_engine::backend::CancelToken;

use crate::aside;
use crate::console;

pub(crate) use system::{carry_on, on_stop, stand_alone};

/// The shell's code for a process that SIGINT ended.
const KILLED: i32 = 130;

/// Whether a run still reads what it is given.
static READING: AtomicBool = AtomicBool::new(false);

/// The token that the first signal cancels, where a run has one.
static TOKEN: OnceLock<CancelToken> = OnceLock::new();

/// It; one that nobody cancels where a run has none.
pub(crate) fn asked_to_stop() -> CancelToken {
    TOKEN.get().cloned().unwrap_or_default()
}

/// A token that is cancelled by the first signal; it is looked at between two nodes of a graph.
pub(crate) fn cancel_on_stop() -> CancelToken {
    let token = TOKEN.get_or_init(CancelToken::default).clone();
    let theirs = token.clone();
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            end_at_once();
        }
        // Whoever waits for a pipe to be filled does not look at the token, and has nothing to lose.
        if READING.load(Ordering::Relaxed) {
            console::err("fulmen: stopped before anything was drawn");
            end_at_once();
        }
        theirs.cancel();
        // By itself: where nobody reads standard error, the second signal must still be heard.
        let say = || console::err("fulmen: stopping; press Ctrl-C again to stop at once");
        drop(std::thread::Builder::new().spawn(say));
    };
    // Without a handler a signal ends the process as it would any other.
    drop(on_stop(handler));
    token
}

/// Reads what a run is given, which may be pipes that nobody fills: meanwhile the first signal ends the process.
pub(crate) fn while_reading<T>(read: impl FnOnce() -> T) -> T {
    READING.store(true, Ordering::Relaxed);
    let given = read();
    READING.store(false, Ordering::Relaxed);
    given
}

/// Ends the process, and leaves no file half written.
pub(crate) fn end_at_once() -> ! {
    let _nothing_begins_now = aside::remove_unfinished();
    std::process::exit(KILLED);
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::thread;

    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    /// What asks to stop: a terminal's keys and its end, a service manager, the end of the processor's time.
    const STOP: [Signal; 5] =
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGXCPU];

    /// What else keeps its meaning: faults, job control, and what cannot be blocked.
    const KEPT: [Signal; 16] = [
        Signal::SIGABRT,
        Signal::SIGBUS,
        Signal::SIGCHLD,
        Signal::SIGCONT,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGKILL,
        Signal::SIGPIPE,
        Signal::SIGSEGV,
        Signal::SIGSTOP,
        Signal::SIGSYS,
        Signal::SIGTRAP,
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
        Signal::SIGWINCH,
    ];

    /// Blocks, in this thread and those it will start, what would end the process although nobody asked it to end. A
    /// file that grows beyond its limit is then an error of the write.
    pub(crate) fn carry_on() {
        let others = Signal::iterator().filter(|signal| !STOP.contains(signal) && !KEPT.contains(signal));
        // Fails only for a set that is none.
        others.collect::<SigSet>().thread_block().ok();
    }

    /// The same for what a terminal sends to those in the background who talk or listen: it would halt a server.
    pub(crate) fn stand_alone() {
        SigSet::from_iter([Signal::SIGTTIN, Signal::SIGTTOU]).thread_block().ok();
    }

    /// From here on `handler` runs, in a thread of its own, for every signal that asks to stop. To be called before
    /// other threads are started.
    pub(crate) fn on_stop(mut handler: impl FnMut() + Send + 'static) -> io::Result<()> {
        let awaited: SigSet = STOP.into_iter().filter(|&signal| !is_ignored(signal)).collect();
        awaited.thread_block()?;
        let listen = move || {
            let mut out_of_time = false;
            while let Ok(signal) = awaited.wait() {
                // This one is sent again every second.
                if signal == Signal::SIGXCPU && std::mem::replace(&mut out_of_time, true) {
                    continue;
                }
                handler();
            }
        };
        if let Err(error) = thread::Builder::new().name("signals".into()).spawn(listen) {
            awaited.thread_unblock()?;
            return Err(error);
        }
        Ok(())
    }

    /// Whether whoever started us said that this signal is not for us: `nohup`, or a shell for what it runs in the
    /// background.
    fn is_ignored(signal: Signal) -> bool {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: neither of the two actions runs code of ours.
        unsafe {
            let Ok(before) = sigaction(signal, &default) else { return false };
            let ignored = matches!(before.handler(), SigHandler::SigIgn);
            if ignored {
                sigaction(signal, &before).ok();
            }
            ignored
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    /// No other signals are sent here.
    pub(crate) fn carry_on() {}

    /// Nor by terminals.
    pub(crate) fn stand_alone() {}

    /// From here on `handler` runs for Ctrl-C, and where the console or the session ends.
    pub(crate) fn on_stop(handler: impl FnMut() + Send + 'static) -> io::Result<()> {
        ctrlc::set_handler(handler).map_err(io::Error::other)
    }
}
