//! File descriptors that this process may still open.

use super::Free;

/// How many there are; the limit is raised for `wanted`, as far as this process may. Nothing where there is no limit.
#[cfg(unix)]
pub(super) fn free(wanted: usize) -> Option<Free> {
    let open = open();
    let most = raise((wanted as u64).saturating_add(open));
    let number = usize::try_from(most.saturating_sub(open)).unwrap_or(usize::MAX);
    Some(Free { number, limit: format!("ulimit -n {most}") })
}

#[cfg(not(unix))]
pub(super) fn free(_wanted: usize) -> Option<Free> {
    None
}

/// Descriptors that are open; where the system does not say, more than there would be.
#[cfg(unix)]
fn open() -> u64 {
    let listed = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    // Reading the folder takes one itself.
    listed.map_or(64, |entries| entries.count().saturating_sub(1) as u64)
}

/// The number of descriptors that this process may have, made `wanted` if it is less and that is allowed.
#[cfg(unix)]
fn raise(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let now = current.unwrap_or(u64::MAX);
    if now >= wanted {
        return now;
    }
    let raised = wanted.min(maximum.unwrap_or(u64::MAX));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => now,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_not_free() {
        let before = open();
        let files: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        // Other tests open and close theirs meanwhile.
        assert!(open() + 10 >= before + files.len() as u64, "{before}, then {}", open());
        assert!(free(100).is_some_and(|free| free.limit.starts_with("ulimit -n ")));
    }
}
