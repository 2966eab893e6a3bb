//! How many threads compute at once.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, Once, PoisonError};
use std::{io, thread};

use rayon::{ThreadBuilder, ThreadPoolBuilder};

/// What rayon reads too.
const ASKED: &str = "RAYON_NUM_THREADS";

/// Starts rayon's threads: one for each processor that this process may use, fewer where `RAYON_NUM_THREADS` says so
/// or the system gives no more. Left alone, rayon would start as many as requested, and panic where it cannot.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let asked = std::env::var(ASKED).ok().and_then(|text| text.parse().ok());
        let threads = seats(wanted(asked, processors), &mut |thread| {
            thread::Builder::new().name("fulmen".into()).spawn(thread).map(drop)
        });
        let pool = ThreadPoolBuilder::new();
        // Whoever uses this library may have set up rayon already; that stays.
        drop(match threads.len() {
            0 => pool.num_threads(1).use_current_thread().build_global(),
            count => {
                let free = Mutex::new(threads);
                let seat = |thread| {
                    let seat = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    seat.and_then(|seat| seat.send(thread).ok()).ok_or(io::ErrorKind::WouldBlock.into())
                };
                pool.num_threads(count).spawn_handler(seat).build_global()
            }
        });
    });
}

/// More threads than processors only get in each other's way.
fn wanted(asked: Option<usize>, processors: usize) -> usize {
    asked.filter(|&asked| asked > 0).unwrap_or(processors).min(processors)
}

type Work = Box<dyn FnOnce() + Send>;

/// Up to `count` threads, each waiting for what it will be.
fn seats(count: usize, spawn: &mut dyn FnMut(Work) -> io::Result<()>) -> Vec<Sender<ThreadBuilder>> {
    let seat = |_| {
        let (send, receive) = channel::<ThreadBuilder>();
        let work = move || {
            if let Ok(thread) = receive.recv() {
                thread.run();
            }
        };
        spawn(Box::new(work)).ok().map(|()| send)
    };
    (0..count).map_while(seat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_threads_than_processors() {
        for (asked, processors, threads) in [
            (None, 8, 8),
            (Some(0), 8, 8),
            (Some(3), 8, 3),
            (Some(8), 8, 8),
            (Some(5000), 8, 8),
            (Some(2), 1, 1),
        ] {
            assert_eq!(wanted(asked, processors), threads, "{asked:?} on {processors}");
        }
    }

    #[test]
    fn where_the_system_gives_no_more_threads_fewer_must_do() {
        let mut given = 0;
        let mut spawn = |_| {
            given += 1;
            if given > 3 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        assert_eq!(seats(64, &mut spawn).len(), 3);
    }
}
