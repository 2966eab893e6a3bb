//! What a crash can leave at each moment, made by hand, and opened again.

use super::*;
use crate::store::images::note_removal;
use crate::store::pictures::on_disk;

/// A copy of a store's directory as it is on the disk while the store lives: what a crash would leave now.
pub(super) fn crashed(folder: &TempDir) -> TempDir {
    let copy = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    for (path, bytes) in contents(folder.path()) {
        let to = copy.path().join(path.strip_prefix(folder.path()).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    copy
}

/// Every row has its whole file, every file its row, and nothing half-written lies about.
pub(super) fn assert_sound(store: &Store) {
    let sql = "SELECT file, size FROM images ORDER BY file";
    let rows = store.read(|db| {
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([], crate::store::rows::file)?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
    });
    let mut listing = store.pictures.list().unwrap();
    listing.whole.sort();
    assert_eq!(listing.whole, rows.unwrap());
    assert_eq!(listing.parts, vec![]);
    assert_eq!(store.quota.kept(), listing.whole.iter().map(|(_, size)| on_disk(*size)).sum::<u64>());
}

#[test]
fn what_was_acknowledged_is_there_though_nothing_was_ever_closed() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let deleted = add(&store, named("ann"));
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.publish("ann", &image.id, true).unwrap();
    store.delete("ann", &deleted.id).unwrap();
    assert!(
        fs::metadata(folder.path().join("fulmen.db-wal")).unwrap().len() > 0,
        "all of it is in the log still"
    );

    let after = crashed(&folder);
    let again = Store::open(after.path(), None).unwrap();
    assert_eq!(again.image(&image.id).unwrap(), Some(Image { public: true, ..image.clone() }));
    assert_eq!(again.bytes(&image).unwrap(), store.bytes(&image).unwrap());
    assert_eq!(again.image(&deleted.id).unwrap(), None);
    assert_eq!(again.pending().unwrap(), vec![generation]);
    assert_sound(&again);
}

#[test]
fn a_connection_that_was_never_closed_is_no_obstacle() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let Store { database, _lock, .. } = store;
    std::mem::forget(database);
    drop(_lock);
    let again = Store::open(folder.path(), None).unwrap();
    assert_eq!(again.image(&image.id).unwrap(), Some(image));
    assert_sound(&again);
}

#[test]
fn a_picture_that_was_being_written_leaves_nothing() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let half = store.pictures.path(&image.file).with_file_name(format!("{}ab.part", &image.file[..30]));
    fs::write(&half, b"ha").unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert!(!half.exists());
    assert_sound(&store);
}

#[test]
fn a_picture_whose_row_was_not_committed_leaves_nothing() {
    let (folder, store) = store();
    add(&store, named("ann"));
    let other = folder.path().join("pictures/ab");
    fs::create_dir_all(&other).unwrap();
    let orphan = other.join("abababababababababababababababab.part");
    fs::write(&orphan, b"whole").unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert!(!orphan.exists());
    assert_sound(&store);
}

#[test]
fn a_deletion_that_stopped_after_the_row_is_finished() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let delete = |transaction: &rusqlite::Transaction<'_>| {
        transaction.execute("DELETE FROM images", [])?;
        note_removal(transaction, &[(image.file.clone(), image.size)])
    };
    store.write(delete).unwrap();
    assert_eq!(files(&store), vec![image.file]);
    drop(store);
    assert_sound(&Store::open(folder.path(), None).unwrap());
}

#[test]
fn a_picture_whose_row_was_committed_gets_its_name_at_the_next_start() {
    let (folder, store) = store();
    let images: Vec<Image> = (0..3).map(|_| add(&store, named("ann"))).collect();
    let path = store.pictures.path(&images[1].file);
    fs::rename(&path, path.with_extension("part")).unwrap();
    assert_eq!(
        store.bytes(&images[1]).unwrap().len() as u64,
        images[1].size,
        "it is found under the other name"
    );
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert!(path.exists());
    assert_eq!(store.named("ann", None, 10).unwrap().0.len(), 3);
    assert_sound(&store);
}

#[test]
fn a_log_that_a_crash_cut_short_loses_only_what_was_not_acknowledged() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let log = Path::new("fulmen.db-wal");
    let before = fs::metadata(folder.path().join(log)).unwrap().len();
    let second = add(&store, named("ann"));
    let whole = fs::read(folder.path().join(log)).unwrap();
    // The second row's transaction, torn at many places: from none of it to all but its last byte.
    let torn = whole.len() as u64 - before;
    for cut in (0..10).map(|tenth| before + torn * tenth / 10).chain([whole.len() as u64 - 1]) {
        let after = crashed(&folder);
        fs::write(after.path().join(log), &whole[..cut as usize]).unwrap();
        // It has its name only once its row is committed.
        let path = after.path().join("pictures").join(&second.file[..2]).join(&second.file);
        fs::rename(&path, path.with_extension("part")).unwrap();
        let again = Store::open(after.path(), None).unwrap();
        assert_eq!(again.named("ann", None, 10).unwrap().0, vec![image.clone()], "cut at {cut}");
        assert_sound(&again);
    }
}

#[test]
fn a_crash_at_the_very_beginning_leaves_a_directory_that_opens() {
    // After each of the steps that make a directory.
    let steps: [&[&str]; 4] = [&[], &["lock"], &["lock", "fulmen.db"], &["lock", "spare", "link.key.part"]];
    for files in steps {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), b"").unwrap();
        }
        let store = Store::open(folder.path(), None).unwrap();
        add(&store, named("ann"));
        assert_sound(&store);
    }
    // The database is there, but not its tables, and then not the folder of pictures.
    let folder = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(folder.path().join("fulmen.db")).unwrap();
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    drop(db);
    drop(Store::open(folder.path(), None).unwrap());
    fs::remove_dir_all(folder.path().join("pictures")).unwrap();
    assert_sound(&Store::open(folder.path(), None).unwrap());
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let (folder, store) = store();
    add(&store, named("ann"));
    let pictures = folder.path().join("pictures");
    fs::create_dir_all(pictures.join("ab")).unwrap();
    fs::create_dir_all(pictures.join("holidays")).unwrap();
    let hex = "abababababababababababababababab";
    let foreign = ["cat.png", "ab/cat.png", "ab/cat.part", "holidays/cat.png", hex, "ab/xyz"];
    let foreign: Vec<PathBuf> = foreign.iter().map(|name| pictures.join(name)).collect();
    foreign.iter().for_each(|path| fs::write(path, b"mine").unwrap());
    let misplaced = pictures.join("holidays").join(hex);
    fs::write(&misplaced, b"mine").unwrap();
    drop(store);
    let _store = Store::open(folder.path(), None).unwrap();
    for path in foreign.iter().chain([&misplaced]) {
        assert_eq!(fs::read(path).unwrap(), b"mine", "{}", path.display());
    }
}
