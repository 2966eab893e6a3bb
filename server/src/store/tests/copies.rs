//! Copies of a data directory that are made file by file while a server works on it, in any order: what both sides of
//! a copy hold, a record and its picture, is there after a start on the copy.

use std::sync::atomic::{AtomicBool, Ordering};

use super::crash::assert_sound;
use super::*;
use crate::store::Opening;

/// The parts of a directory that a copying program may take in any order.
const PARTS: [&str; 4] = ["fulmen.db", "fulmen.db-wal", "fulmen.db-shm", "pictures"];

/// All orders of the first `n` of them.
fn orders(of: &[&'static str]) -> Vec<Vec<&'static str>> {
    if of.is_empty() {
        return vec![vec![]];
    }
    let mut all = vec![];
    for (at, first) in of.iter().enumerate() {
        let rest: Vec<&str> =
            of.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, one)| *one).collect();
        all.extend(orders(&rest).into_iter().map(|order| [vec![*first], order].concat()));
    }
    all
}

/// Copies a file or a folder as `cp -a` does; what goes away meanwhile is not copied. A process of its own, because one
/// that closes the database's file loses SQLite's locks.
fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).output().unwrap();
    let said = String::from_utf8_lossy(&copied.stderr);
    assert!(copied.status.success() || said.contains("No such file"), "{said}");
}

/// Tells those who work to stop, also where a test fails.
pub(super) struct Stop<'a>(pub(super) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Adds, deletes and publishes until it is stopped.
fn work(store: &Store, stop: &AtomicBool) {
    let mut images: Vec<Image> = (0..10).map(|_| add(store, sized("ann", 3_000))).collect();
    while !stop.load(Ordering::Relaxed) {
        images.push(add(store, sized("ann", 3_000)));
        store.delete("ann", &images.remove(images.len() / 2).id).unwrap();
        store.publish("ann", &images[0].id, !images[0].public).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
}

/// Images that the database of a copy has records of, as SQLite reads it, and whose files are there; and how many files
/// are there that were deleted as far as the database knows.
fn on_both_sides(copy: &Path) -> (Vec<(String, String)>, usize) {
    // On a copy of the copy: reading writes the log into the database.
    let aside = tempfile::tempdir().unwrap();
    for name in ["fulmen.db", "fulmen.db-wal"] {
        if copy.join(name).exists() {
            fs::copy(copy.join(name), aside.path().join(name)).unwrap();
        }
    }
    let db = rusqlite::Connection::open(aside.path().join("fulmen.db")).unwrap();
    let mut statement = db.prepare("SELECT id, file FROM images").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let is_there = |file: &String| copy.join("pictures").join(&file[..2]).join(file).exists();
    let both = rows.map(Result::unwrap).filter(|(_, file)| is_there(file)).collect();
    let mut statement = db.prepare("SELECT file FROM removals").unwrap();
    let removals = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    (both, removals.map(Result::unwrap).filter(is_there).count())
}

/// A start on the copy, with `--accept-loss` where it asks for that, has all that is on both sides, and no file of a
/// picture went away.
fn assert_nothing_lost(copy: &Path, order: &[&str]) {
    let (both, deleted) = on_both_sides(copy);
    let whole = |folder: &Path| -> usize {
        contents(folder).keys().filter(|path| path.file_name().unwrap().len() == 32).count()
    };
    let before = whole(&copy.join("pictures"));
    let store = Store::open(copy, None).unwrap_or_else(|error| {
        assert!(error.to_string().contains("--accept-loss"), "{order:?}: {error}");
        Store::open_with(copy, Opening { accept_loss: true, ..Opening::default() }).unwrap()
    });
    for (id, file) in &both {
        let image = store.image(id).unwrap().unwrap_or_else(|| panic!("{order:?}: {id} is lost"));
        assert_eq!((&image.file, store.bytes(&image).unwrap().len()), (file, 3_000), "{order:?}");
    }
    assert_sound(&store);
    let removed =
        store.read(|db| Ok(db.query_row("SELECT count(*) FROM removals", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(removed.unwrap(), 0);
    drop(store);
    let lost = copy.join("lost");
    let after = whole(&copy.join("pictures")) + if lost.exists() { whole(&lost) } else { 0 };
    // One that was being written may have got its name.
    assert!(
        after + deleted >= before,
        "{order:?}: of {before} pictures, {deleted} deleted, {after} are left"
    );
}

#[test]
fn a_copy_in_any_order_keeps_what_both_sides_hold() {
    let (folder, store) = store();
    for _ in 0..40 {
        add(&store, sized("ann", 3_000));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| work(&store, &stop));
        for order in orders(&PARTS) {
            let target = tempfile::tempdir().unwrap();
            order.iter().for_each(|part| copy(&folder.path().join(part), &target.path().join(part)));
            assert_nothing_lost(target.path(), &order);
        }
    });
}

#[test]
fn a_copy_without_the_log_or_with_a_part_of_it_deletes_nothing() {
    let (folder, store) = store();
    let images: Vec<Image> = (0..30).map(|_| add(&store, sized("ann", 3_000))).collect();
    store.database.settle();
    let later: Vec<Image> = (0..3).map(|_| add(&store, sized("ann", 3_000))).collect();
    let whole = fs::metadata(folder.path().join("fulmen.db-wal")).unwrap().len();
    for length in [None, Some(0), Some(20), Some(whole / 3), Some(whole / 2), Some(whole - 1)] {
        let target = tempfile::tempdir().unwrap();
        PARTS.iter().for_each(|part| copy(&folder.path().join(part), &target.path().join(part)));
        let log = target.path().join("fulmen.db-wal");
        match length {
            None => fs::remove_file(&log).unwrap(),
            Some(length) => fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length).unwrap(),
        }
        assert_nothing_lost(target.path(), &[&format!("{length:?}")]);
        let store = Store::open(target.path(), None).unwrap();
        assert!(images.iter().all(|image| store.image(&image.id).unwrap().is_some()), "{length:?}");
    }
    assert!(later.iter().all(|image| store.bytes(image).is_ok()));
}

#[test]
fn a_database_copied_by_itself_after_a_stop_has_everything() {
    let (folder, store) = store();
    let images: Vec<Image> = (0..30).map(|_| add(&store, named("ann"))).collect();
    store.close();
    let target = tempfile::tempdir().unwrap();
    assert!(!folder.path().join("fulmen.db-wal").exists() && !folder.path().join("fulmen.db-shm").exists());
    ["fulmen.db", "pictures"]
        .iter()
        .for_each(|part| copy(&folder.path().join(part), &target.path().join(part)));
    let store = Store::open(target.path(), None).unwrap();
    assert!(images.iter().all(|image| store.bytes(image).is_ok()));
    assert!(!target.path().join("lost").exists());
}

#[test]
fn an_idle_server_leaves_nothing_in_the_log() {
    let (folder, store) = store();
    add(&store, named("ann"));
    let log = folder.path().join("fulmen.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    store.tidy().unwrap();
    add(&store, named("ann"));
    store.tidy().unwrap();
    assert!(fs::metadata(&log).unwrap().len() > 0, "something was written meanwhile");
    store.tidy().unwrap();
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
}
