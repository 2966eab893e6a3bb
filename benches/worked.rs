//! How long the threads of this process have worked. On a processor that plays a GPU, what others do there is not in it.

use std::fs::{self, DirEntry};

/// Seconds of all threads together, where the system tells them.
pub(crate) fn worked() -> Option<f64> {
    let of_thread = |thread: DirEntry| -> Option<f64> {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
        Some(1e-9 * nanoseconds)
    };
    let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
    Some(threads.filter_map(of_thread).sum())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_sleep_does_not() {
        let start = worked().expect("Linux tells");
        std::thread::sleep(std::time::Duration::from_millis(200));
        let slept = worked().unwrap();
        let mut sum = 0u64;
        while worked().unwrap() < slept + 0.02 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(slept - start < 0.15 && sum > 0, "{}", slept - start);
    }
}
