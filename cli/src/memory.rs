//! How much memory this process took at its peak, as the operating system counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks: far less than a step of the smallest model.
const INTERVAL: Duration = Duration::from_millis(20);

/// Peaks in bytes; `None` where the operating system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peaks {
    /// Everything in memory, mapped files (the model) among it.
    pub(crate) rss: Option<u64>,
    /// What is the process's own: it cannot be given back to the system and read again.
    pub(crate) anonymous: Option<u64>,
}

/// Watches this process. The kernel keeps the peak of all memory, but of anonymous memory only the
/// present amount: a thread looks again and again.
pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(crate) fn start() -> Self {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, seen) = (stop.clone(), peak.clone());
        let look = move || {
            while let (false, Some(bytes)) = (stopped.load(Ordering::Relaxed), status("RssAnon:")) {
                seen.fetch_max(bytes, Ordering::Relaxed);
                std::thread::park_timeout(INTERVAL);
            }
        };
        let thread = std::thread::Builder::new().name("memory".into()).spawn(look).ok();
        Self { stop, peak, thread }
    }

    /// The peaks so far.
    pub(crate) fn peaks(&self) -> Peaks {
        let now = status("RssAnon:");
        let anonymous = now.map(|bytes| bytes.max(self.peak.load(Ordering::Relaxed)));
        Peaks { rss: status("VmHWM:"), anonymous }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// A line of `/proc/self/status`, in bytes.
fn status(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_given_back_still_counts_in_the_peak() {
        let watcher = Watcher::start();
        let block = vec![1u8; 64 << 20];
        std::thread::sleep(4 * INTERVAL);
        let sum: u64 = block.iter().map(|&v| u64::from(v)).sum();
        drop(block);
        let peaks = watcher.peaks();
        assert!(peaks.anonymous > Some(sum) && peaks.rss >= peaks.anonymous, "{peaks:?}");
    }
}
