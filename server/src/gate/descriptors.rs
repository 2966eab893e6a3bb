//! File descriptors. Each request takes four of them: the client's socket, the gate's end of the private way, and
//! two that tiny_http makes of the other end. tiny_http stops for ever where it gets none, so the gate takes no more
//! connections than there are descriptors for.

/// Descriptors of one connection whose request is being worked for.
const PER_CONNECTION: u64 = 4;
/// For everything else: the database, pictures, the device's driver, and the clients that are turned away.
const OTHERS: u64 = 192 + super::lobby::MOST as u64;

/// As many connections as were asked for, or as many as there are descriptors for. Raises the process's limit as
/// far as it may.
pub(super) fn connections(asked: usize) -> usize {
    let wanted = (asked as u64).saturating_mul(PER_CONNECTION).saturating_add(OTHERS);
    let most = raise(wanted).saturating_sub(OTHERS) / PER_CONNECTION;
    let connections = usize::try_from(most).unwrap_or(usize::MAX).clamp(8, asked.max(8));
    if connections < asked {
        tracing::warn!(asked, connections, "too few file descriptors for all connections; raise `ulimit -n`");
    }
    connections.min(asked)
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

/// Where descriptors are as many as memory holds.
#[cfg(not(unix))]
fn raise(_wanted: u64) -> u64 {
    u64::MAX
}
