//! Another program holds the database, or many ask at once: nobody waits for what is not theirs.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::*;

/// Another program has the database for itself.
fn hold(folder: &TempDir) -> Connection {
    let other = Connection::open(folder.path().join("fulmen.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

/// The longest of many calls at once.
fn longest(calls: usize, call: impl Fn() + Sync) -> Duration {
    let together = Barrier::new(calls);
    std::thread::scope(|scope| {
        let one = || {
            together.wait();
            let began = Instant::now();
            call();
            began.elapsed()
        };
        let threads: Vec<_> = (0..calls).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

#[test]
fn readers_do_not_wait_for_those_who_ask_whether_the_server_is_ready() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let _other = hold(&folder);
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| assert!(store.check().is_err()));
        }
        std::thread::sleep(Duration::from_millis(20));
        let read = longest(8, || {
            assert_eq!(store.image(&image.id).unwrap().as_ref(), Some(&image));
            assert_eq!(store.named("ann", None, 10).unwrap().0.len(), 1);
        });
        // Today's way they would wait for all thirty, two seconds each.
        assert!(read < Duration::from_secs(5), "{read:?}");
    });
}

#[test]
fn many_who_ask_whether_the_server_is_ready_wait_no_longer_than_one() {
    let (folder, store) = store();
    let _other = hold(&folder);
    let longest = longest(30, || assert_eq!(store.check().unwrap_err().code, "storage_unavailable"));
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

#[test]
fn many_who_write_wait_no_longer_than_a_few() {
    let (folder, store) = store();
    let _other = hold(&folder);
    let longest = longest(30, || {
        let problem = store.begin(&pending("ann"), &[]).unwrap_err();
        assert_eq!((problem.status, problem.code), (503, "storage_unavailable"));
    });
    // One waits two seconds, and within the next one all others fail at once.
    assert!(longest < Duration::from_secs(10), "{longest:?}");
}

#[test]
fn more_readers_than_connections_are_all_served() {
    let (_folder, store) = store();
    let image = add(&store, named("ann"));
    longest(32, || {
        for _ in 0..20 {
            assert_eq!(store.image(&image.id).unwrap().as_ref(), Some(&image));
        }
    });
}

#[test]
fn a_closed_store_says_that_the_server_stops() {
    let (_folder, store) = store();
    store.close();
    for problem in [
        store.image("image_1").unwrap_err(),
        store.begin(&pending("ann"), &[]).unwrap_err(),
        store.check().unwrap_err(),
    ] {
        assert_eq!((problem.status, problem.code), (503, "shutting_down"));
    }
    store.close();
}
