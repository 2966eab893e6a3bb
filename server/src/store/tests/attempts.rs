//! How often a generation was begun, and whether the server lived through it.

use super::crash::crashed;
use super::*;

fn attempts(store: &Store, generation: &Generation) -> usize {
    store.generation("ann", &generation.id).unwrap().unwrap().0.attempts
}

#[test]
fn an_attempt_counts_when_the_server_ends_in_the_middle_of_it() {
    let (folder, store) = store();
    let (drawn, waits) = (pending("ann"), pending("ann"));
    [&drawn, &waits].iter().for_each(|one| store.begin(one, &[]).unwrap());
    store.attempt(&drawn.id).unwrap();
    let once = crashed(&folder);
    let store = Store::open(once.path(), None).unwrap();
    assert_eq!((attempts(&store, &drawn), attempts(&store, &waits)), (1, 0));
    store.attempt(&drawn.id).unwrap();
    let twice = crashed(&once);
    let store = Store::open(twice.path(), None).unwrap();
    assert_eq!(
        (attempts(&store, &drawn), attempts(&store, &waits)),
        (2, 0),
        "one that waits is not to blame"
    );
}

#[test]
fn an_orderly_stop_is_no_attempt() {
    let (folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.attempt(&generation.id).unwrap();
    let after = crashed(&folder);
    let mut store = Store::open(after.path(), None).unwrap();
    for _ in 0..3 {
        store.attempt(&generation.id).unwrap();
        store.close();
        drop(store);
        store = Store::open(after.path(), None).unwrap();
        assert_eq!(attempts(&store, &generation), 1, "the crash before");
    }
}

#[test]
fn what_was_drawn_and_could_not_be_kept_is_put_back() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.attempt(&generation.id).unwrap();
    store.put_back(&generation.id).unwrap();
    store.put_back(&generation.id).unwrap();
    assert_eq!(attempts(&store, &generation), 0);
    store.attempt(&generation.id).unwrap();
    assert!(store.complete(&generation.id, 4, vec![part(&generation, 0)]).unwrap());
    store.attempt(&generation.id).unwrap();
    store.attempt("no generation of ours").unwrap();
    assert_eq!(attempts(&store, &generation), 1, "what is complete is not begun");
}
