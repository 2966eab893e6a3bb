//! The directory, or a file in it, is removed or replaced while a server works on it.
#![cfg(unix)]

use super::*;
use crate::problem::Problem;

/// What takes a name away from what is open.
type Attack = fn(&Path);

fn gone(path: &Path) {
    fs::rename(path, path.with_extension("away")).unwrap();
}

fn replaced(path: &Path) {
    gone(path);
    if path.with_extension("away").is_dir() {
        fs::create_dir(path).unwrap();
    } else {
        fs::copy(path.with_extension("away"), path).unwrap();
    }
}

fn assert_gone<T>(answer: Result<T, Problem>, what: &str) {
    let problem = answer.err().unwrap_or_else(|| panic!("{what}: it was acknowledged"));
    assert_eq!((problem.status, problem.code), (503, "storage_unavailable"), "{what}: {}", problem.message);
    assert!(problem.message.contains("removed or replaced"), "{what}: {}", problem.message);
}

#[test]
fn nothing_is_acknowledged_once_a_name_is_gone_or_another_files() {
    let names = ["", "fulmen.db", "lock", "pictures", "fulmen.db-wal", "fulmen.db-shm"];
    for name in names {
        for (how, attack) in [("gone", gone as Attack), ("replaced", replaced)] {
            let outer = tempfile::tempdir().unwrap();
            let data = outer.path().join("data");
            let store = Store::open(&data, None).unwrap();
            let image = add(&store, named("ann"));
            let waiting = pending("ann");
            store.begin(&waiting, &[]).unwrap();
            store.check().unwrap();
            let path = if name.is_empty() { data.clone() } else { data.join(name) };
            attack(&path);
            let what = format!("{name} {how}");
            assert_gone(store.check(), &what);
            assert_gone(store.add(vec![named("ann")]), &what);
            assert_gone(store.begin(&pending("ann"), &[]), &what);
            assert_gone(store.publish("ann", &image.id, true), &what);
            assert_gone(store.delete("ann", &image.id), &what);
            assert_gone(store.attempt(&waiting.id), &what);
            assert_gone(store.complete(&waiting.id, 4, vec![part(&waiting, 0)]), &what);
            if name.is_empty() || name == "pictures" {
                assert_gone(store.bytes(&image), &what);
            }
            // The same is back: so is everything.
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            }
            fs::rename(path.with_extension("away"), &path).unwrap();
            store.check().unwrap();
            let later = add(&store, named("ann"));
            drop(store);
            let store = Store::open(&data, None).unwrap();
            assert!(store.bytes(&image).is_ok() && store.bytes(&later).is_ok(), "{what}");
        }
    }
}

#[test]
fn a_second_server_is_refused_though_the_lock_was_removed() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    fs::remove_file(folder.path().join("lock")).unwrap();
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("another server uses it"), "{sentence}");
    assert_eq!(store.image(&image.id).unwrap(), Some(image));
    drop(store);
    Store::open(folder.path(), None).unwrap();
}

#[test]
fn a_picture_whose_file_alone_was_removed_is_not_taken_for_deleted() {
    let (_folder, store) = store();
    let image = add(&store, named("ann"));
    fs::remove_file(store.pictures.path(&image.file)).unwrap();
    assert_eq!(store.bytes(&image).unwrap_err().status, 503);
    store.delete("ann", &image.id).unwrap();
    assert_eq!(store.bytes(&image).unwrap_err().status, 404);
}

/// The beginning of a database that is whole by itself, without its log.
fn rows_without_log(file: &Path) -> i64 {
    let db = crate::store::connect::without_log(file).unwrap();
    db.query_row("SELECT count(*) FROM images", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_is_cut_off_in_its_place_is_told_and_never_written_into_the_database() {
    for name in ["fulmen.db-wal", "fulmen.db-shm", "fulmen.db"] {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path(), None).unwrap();
        let before: Vec<_> = (0..8).map(|_| add(&store, named("ann"))).collect();
        store.close();
        drop(store);
        let store = Store::open(data.path(), None).unwrap();
        let image = add(&store, named("ann"));
        store.check().unwrap();
        fs::File::options().write(true).open(data.path().join(name)).unwrap().set_len(0).unwrap();
        assert_gone(store.check(), name);
        assert_gone(store.add(vec![named("ann")]), name);
        assert_gone(store.begin(&pending("ann"), &[]), name);
        assert_gone(store.delete("ann", &image.id), name);
        if name == "fulmen.db-shm" {
            assert_gone(store.image(&image.id), name);
        }
        // It grows again, and is not whole for that.
        fs::File::options().write(true).open(data.path().join(name)).unwrap().set_len(1 << 20).unwrap();
        assert_gone(store.add(vec![named("ann")]), name);
        fs::File::options().write(true).open(data.path().join(name)).unwrap().set_len(0).unwrap();
        store.close();
        drop(store);
        if name == "fulmen.db-wal" {
            assert_eq!(rows_without_log(&data.path().join("fulmen.db")), before.len() as i64);
        }
        if name != "fulmen.db" {
            let again = Store::open(data.path(), None).unwrap();
            assert!(before.iter().all(|image| again.bytes(image).is_ok()), "{name}");
        }
    }
}

#[test]
fn a_database_that_noise_was_written_into_is_told_once_a_change_has_met_it() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path(), None).unwrap();
    (0..30).for_each(|_| drop(add(&store, named("ann"))));
    store.close();
    drop(store);
    let store = Store::open(data.path(), None).unwrap();
    // What this reads stays in memory.
    store.database.probe().unwrap();
    let file = data.path().join("fulmen.db");
    let length = fs::metadata(&file).unwrap().len() as usize;
    let noise: Vec<u8> = (0..length).map(|i| (i * 7 + i / 251) as u8).collect();
    std::io::Write::write_all(&mut fs::File::options().write(true).open(&file).unwrap(), &noise).unwrap();
    assert!(store.add(vec![named("ann")]).is_err());
    assert!(store.database.probe().is_err());
    assert_eq!(store.check().unwrap_err().status, 503);
}
