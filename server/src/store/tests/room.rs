use super::*;

fn limited(bytes: u64) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Some(bytes)).unwrap();
    (folder, store)
}

#[test]
fn room_is_refused_beyond_the_limit_and_the_sentence_says_what_to_do() {
    let (_folder, store) = limited(1_000);
    add(&store, sized("ann", 400));
    let held = store.reserve(500).unwrap();
    let problem = store.reserve(101).unwrap_err();
    assert_eq!((problem.status, problem.code, problem.retry_after), (503, "storage_full", None));
    for word in ["1000", "400", "500", "101", "delete images", "--max-storage"] {
        assert!(problem.message.contains(word), "{} does not say {word}", problem.message);
    }
    drop(store.reserve(100).unwrap());
    drop(held);
    drop(store.reserve(600).unwrap());
}

#[test]
fn what_is_promised_is_kept_and_never_deleted_for_others() {
    let (_folder, store) = limited(1_000);
    let image = add(&store, NewImage { bytes: vec![1; 900], ..link("ann", 3_600) });
    assert_eq!(store.reserve(200).unwrap_err().status, 503);
    assert_eq!(store.bytes(&image).unwrap().len(), 900);
}

#[test]
fn expired_images_make_way() {
    let (_folder, store) = limited(1_000);
    let expired = add(&store, NewImage { bytes: vec![1; 900], ..link("ann", -1) });
    drop(store.reserve(200).unwrap());
    assert_eq!(store.image(&expired.id).unwrap(), None);
}

#[test]
fn deleting_makes_room() {
    let (_folder, store) = limited(1_000);
    let image = add(&store, sized("ann", 900));
    assert_eq!(store.reserve(200).unwrap_err().code, "storage_full");
    store.delete("ann", &image.id).unwrap();
    drop(store.reserve(1_000).unwrap());
}

#[test]
fn the_limit_holds_even_for_what_was_never_reserved() {
    let (_folder, store) = limited(1_000);
    let image = add(&store, sized("ann", 900));
    let problem = store.add(vec![sized("ann", 101)]).unwrap_err();
    assert_eq!((problem.status, problem.code), (503, "storage_full"));
    assert_eq!(files(&store), vec![image.file]);
    add(&store, sized("ann", 100));
}

#[test]
fn a_generation_that_finds_no_room_stays_pending() {
    let (_folder, store) = limited(100);
    let generation = pending("ann");
    store.begin(&generation).unwrap();
    let large = NewImage { bytes: vec![1; 101], ..part(&generation, 0) };
    assert_eq!(store.complete(&generation.id, 4, vec![large]).unwrap_err().code, "storage_full");
    assert_eq!(store.pending().unwrap(), vec![generation]);
}

#[test]
fn pictures_from_before_a_restart_count() {
    let (folder, store) = limited(1_000);
    add(&store, sized("ann", 900));
    drop(store);
    let store = Store::open(folder.path(), Some(1_000)).unwrap();
    assert_eq!(store.size(), 900);
    assert_eq!(store.reserve(101).unwrap_err().status, 503);
    drop(store);
    // A smaller limit than before refuses new ones, and deletes nothing.
    let store = Store::open(folder.path(), Some(10)).unwrap();
    assert_eq!(store.reserve(1).unwrap_err().status, 503);
    assert_eq!(store.named("ann", None, 10).unwrap().0.len(), 1);
}

#[test]
fn numbers_beyond_all_measure_do_not_wrap_around() {
    let (_folder, store) = limited(1_000);
    assert_eq!(store.reserve(u64::MAX).unwrap_err().status, 503);
    let (_folder, store) = super::store();
    let _held = store.reserve(u64::MAX).unwrap();
    let _more = store.reserve(u64::MAX).unwrap();
    add(&store, named("ann"));
}

#[test]
fn many_at_once_never_pass_the_limit() {
    let (_folder, store) = limited(1_000);
    let kept: usize = std::thread::scope(|scope| {
        let each = || scope.spawn(|| (0..5).filter(|_| store.add(vec![sized("ann", 90)]).is_ok()).count());
        let threads: Vec<_> = (0..8).map(|_| each()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((kept, store.size()), (11, 990));
}
