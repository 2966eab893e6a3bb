//! How many clients can be served at once: the system says how many threads and file descriptors this process may
//! have, and both are shared out before the first client comes. Each connection has a thread and a descriptor; each
//! request that is being worked for has a thread and four descriptors more.

mod cgroup;
mod descriptors;
mod processes;

use std::fmt;

use crate::error::{Error, Result};

/// What the system lets this process have beyond what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Free {
    number: usize,
    /// What sets the limit: `ulimit -u 100`.
    limit: String,
}

/// What is needed for anything else than clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Others {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
}

/// How many are served at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) connections: usize,
    /// Requests that are being worked for.
    pub(crate) handlers: usize,
}

/// A server with less cannot be used.
const LEAST: Capacity = Capacity { connections: 6, handlers: 3 };
/// Descriptors of a request that is being worked for: the gate's end of the private way, two that tiny_http makes of
/// the other end, and the picture that is read or written.
const PER_HANDLER: usize = 4;

/// Whether there is enough for any use.
///
/// # Errors
/// There is not; the sentence says what is needed.
pub(crate) fn check(asked: usize, others: Others) -> Result<()> {
    found(asked, others).map(drop)
}

/// Shares out what is free: for at most so many connections, and as many requests. The text says what was found.
///
/// # Errors
/// There is too little for any use; the sentence says what is needed.
pub(crate) fn share_out(asked: usize, others: Others) -> Result<(Capacity, String)> {
    let (capacity, [threads, descriptors]) = found(asked, others)?;
    Ok((capacity, capacity.told(threads.as_ref(), descriptors.as_ref())))
}

fn found(asked: usize, others: Others) -> Result<(Capacity, [Option<Free>; 2])> {
    let wanted = asked.saturating_mul(1 + PER_HANDLER).saturating_add(others.descriptors);
    let (threads, descriptors) = (processes::free_threads(), descriptors::free(wanted));
    let left =
        |free: &Option<Free>, taken| free.as_ref().map_or(usize::MAX, |f| f.number.saturating_sub(taken));
    let by_threads = divide(left(&threads, others.threads), 1, asked);
    let by_descriptors = divide(left(&descriptors, others.descriptors), PER_HANDLER, asked);
    let enough = |found: Capacity, free: &Option<Free>, what: &Unit| match free {
        Some(free) if !found.is_enough(asked) => Err(too_few(free, what)),
        _ => Ok(()),
    };
    enough(by_threads, &threads, &Unit { name: "threads", needed: others.threads + LEAST.cost(1) })?;
    let needed = others.descriptors + LEAST.cost(PER_HANDLER);
    enough(by_descriptors, &descriptors, &Unit { name: "file descriptors", needed })?;
    let capacity = Capacity {
        connections: by_threads.connections.min(by_descriptors.connections),
        handlers: by_threads.handlers.min(by_descriptors.handlers),
    };
    Ok((capacity, [threads, descriptors]))
}

/// Of so much, a handler costs so many and a connection one; there are two connections for each handler, until there
/// are as many as were asked for.
fn divide(left: usize, per_handler: usize, asked: usize) -> Capacity {
    let handlers = (left / (per_handler + 2)).min(asked);
    let connections = (left - handlers * per_handler).min(asked);
    let handlers = ((left - connections) / per_handler).min(connections);
    Capacity { connections, handlers }
}

impl Capacity {
    fn is_enough(self, asked: usize) -> bool {
        self.connections >= LEAST.connections.min(asked) && self.handlers >= LEAST.handlers.min(asked)
    }

    fn cost(self, per_handler: usize) -> usize {
        self.connections + self.handlers * per_handler
    }

    /// One line for the log.
    fn told(self, threads: Option<&Free>, descriptors: Option<&Free>) -> String {
        let Self { connections, handlers } = self;
        let told = |free: Option<&Free>| free.map_or_else(|| "no limit".to_owned(), ToString::to_string);
        let (threads, descriptors) = (told(threads), told(descriptors));
        format!(
            "at once {connections} connections and {handlers} requests; threads: {threads}; descriptors: {descriptors}"
        )
    }
}

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} free of {}", self.number, self.limit)
    }
}

/// What there is too little of.
struct Unit {
    name: &'static str,
    needed: usize,
}

fn too_few(free: &Free, what: &Unit) -> Error {
    let (Free { number, limit }, Unit { name, needed }) = (free, what);
    Error::Options(format!(
        "this process may have {number} more {name} ({limit}), and the server needs at least {needed} more; \
         raise that limit"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_shared_out_and_never_more() {
        for per_handler in [1, PER_HANDLER] {
            for left in 0..2000 {
                let Capacity { connections, handlers } = divide(left, per_handler, 256);
                assert!(connections + handlers * per_handler <= left, "of {left}");
                assert!(connections <= 256 && handlers <= connections, "of {left}");
                assert!(
                    left < 10 || handlers * (per_handler + 2) + per_handler + 2 > left.min(256),
                    "of {left}"
                );
            }
            let all = Capacity { connections: 256, handlers: 256 };
            assert_eq!(divide(256 * (1 + per_handler), per_handler, 256), all);
            assert_eq!(divide(usize::MAX, per_handler, 256), all);
        }
        assert_eq!(divide(30, 1, 256), Capacity { connections: 20, handlers: 10 });
        assert_eq!(divide(36, PER_HANDLER, 256), Capacity { connections: 12, handlers: 6 });
    }

    #[test]
    fn too_little_is_a_sentence_with_the_limit_and_what_is_needed() {
        let free = Free { number: 7, limit: "ulimit -u 20".into() };
        let said = too_few(&free, &Unit { name: "threads", needed: 30 }).to_string();
        assert!(
            said.contains("7 more threads (ulimit -u 20)") && said.contains("at least 30 more"),
            "{said}"
        );
    }
}
