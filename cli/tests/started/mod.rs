//! A program that a test has started: it ends with the test, also with one that fails, and takes signals.

use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// A running program; killed when it is dropped.
pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn new(command: &mut Command) -> Self {
        #[cfg(unix)]
        heed_signals();
        Self(command.spawn().unwrap())
    }

    /// What another program or a terminal would send it.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }

    /// How it ended; `None` if it still runs after `time`.
    #[cfg_attr(
        not(unix),
        allow(dead_code, reason = "where there are no signals, not every program of tests is waited for")
    )]
    pub(crate) fn wait_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + time;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Where tests run in a shell's background, or under `nohup`, they and what they start ignore some signals.
#[cfg(unix)]
fn heed_signals() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    for heeded in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP] {
        // SAFETY: the default action is no function of ours.
        unsafe { signal(heeded, SigHandler::SigDfl) }.unwrap();
    }
}

impl Deref for Started {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Started {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
