//! Damaged directories are refused by a sentence, and left byte for byte as they were.

use super::*;

/// Pictures are there, and the database is as large as one in use.
fn used() -> (TempDir, PathBuf) {
    let (folder, store) = store();
    store.add((0..5).map(|_| named("ann")).collect()).unwrap();
    let insert = "INSERT INTO generations (id, owner, created_at, state, request, spec) \
                  VALUES (?1, 'ann', ?2, 'failed', ?3, '{}')";
    let filled = store.write(|transaction| {
        let mut statement = transaction.prepare(insert)?;
        let request = format!("{:?}", "a cat ".repeat(150));
        (0..300).try_for_each(|row| Ok(statement.execute((new_uuid(), row, &request)).map(drop)?))
    });
    filled.unwrap();
    drop(store);
    let file = folder.path().join("fulmen.db");
    assert!(fs::metadata(&file).unwrap().len() > 200_000);
    (folder, file)
}

/// Opening is refused, nothing is changed, and the sentence says all of these.
fn assert_refused(folder: &TempDir, words: &[&str]) {
    let before = contents(folder.path());
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    for word in words.iter().chain([&folder.path().to_str().unwrap()]) {
        assert!(sentence.contains(word), "{sentence} does not say {word}");
    }
    let mut after = contents(folder.path());
    // SQLite makes an empty log where there is none; it holds nothing.
    after.retain(|path, bytes| before.contains_key(path) || !bytes.is_empty());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, bytes) in before {
        assert!(bytes == after[&path], "{} was changed", path.display());
    }
}

const WAY_OUT: &[&str] = &["damaged", "nothing was changed", "put back a copy"];

#[test]
fn a_database_with_overwritten_bytes_is_refused() {
    for (at, length) in [(4_096, 100), (100_000, 8_192), (60_000, 50_000), (0, 100), (24, 200)] {
        let (folder, file) = used();
        let mut bytes = fs::read(&file).unwrap();
        bytes[at..at + length].fill(0xa5);
        fs::write(&file, bytes).unwrap();
        assert_refused(&folder, WAY_OUT);
    }
}

#[test]
fn a_database_that_was_cut_short_is_refused() {
    for part in [1, 5, 9] {
        let (folder, file) = used();
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() * part / 10]).unwrap();
        assert_refused(&folder, WAY_OUT);
    }
    let (folder, file) = used();
    fs::write(&file, &fs::read(&file).unwrap()[..50]).unwrap();
    assert_refused(&folder, WAY_OUT);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (folder, file) = used();
    fs::write(&file, "Dear diary,\n".repeat(1_000)).unwrap();
    assert_refused(&folder, WAY_OUT);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(folder.path().join("fulmen.db")).unwrap();
    db.execute_batch("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('Monday')").unwrap();
    drop(db);
    assert_refused(&folder, &["another program"]);
}

#[test]
fn a_damaged_database_with_a_log_is_left_as_it_is_too() {
    let (folder, file) = used();
    let store = Store::open(folder.path(), None).unwrap();
    add(&store, named("ann"));
    let log = fs::read(folder.path().join("fulmen.db-wal")).unwrap();
    drop(store);
    let mut bytes = fs::read(&file).unwrap();
    bytes[60_000..110_000].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    fs::write(folder.path().join("fulmen.db-wal"), log).unwrap();
    assert_refused(&folder, WAY_OUT);
}

#[test]
fn a_database_from_a_newer_version_is_refused() {
    let (folder, file) = used();
    for version in [3, 1_000, -1] {
        let db = rusqlite::Connection::open(&file).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        drop(db);
        assert_refused(&folder, &["newer version"]);
    }
}

#[test]
fn pictures_without_their_database_are_not_taken_for_rubbish() {
    for empty in [true, false] {
        let (folder, file) = used();
        fs::remove_file(&file).unwrap();
        if empty {
            fs::write(&file, b"").unwrap();
        }
        assert_refused(
            &folder,
            &["5 of 5 pictures have no record", "fulmen.db is missing or empty", "--accept-loss"],
        );
    }
}

#[test]
fn records_without_the_folder_of_pictures_are_not_taken_for_lost() {
    let (folder, _) = used();
    let (pictures, away) = (folder.path().join("pictures"), folder.path().join("away"));
    fs::rename(&pictures, &away).unwrap();
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("5 of 5 records") && sentence.contains("pictures is missing"), "{sentence}");
    fs::rename(&away, &pictures).unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.named("ann", None, 1_000).unwrap().0.len(), 5);
}
