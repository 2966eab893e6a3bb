//! Damaged directories are refused by a sentence, and left byte for byte as they were.

use super::*;

/// An image whose file begins and ends as a PNG does.
fn png(image: NewImage) -> NewImage {
    let bytes = [b"\x89PNG\r\n\x1a\n".as_slice(), &image.bytes[..], b"\0\0\0\0IEND\xae\x42\x60\x82"].concat();
    NewImage { bytes: bytes.into(), ..image }
}

/// Pictures are there, and the database is as large as one in use.
fn used() -> (TempDir, PathBuf) {
    let (folder, store) = store();
    store.add((0..5).map(|_| png(named("ann"))).collect()).unwrap();
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
    for version in [4, 1_000, -1] {
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

/// All images of the store that [`used`] left, by their ids.
fn known(folder: &TempDir) -> BTreeMap<String, String> {
    let db = rusqlite::Connection::open(folder.path().join("fulmen.db")).unwrap();
    let mut statement = db.prepare("SELECT id, file FROM images").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// Files of pictures, wherever in the directory they are.
fn pictures(folder: &TempDir) -> usize {
    contents(folder.path()).keys().filter(|path| path.file_name().unwrap().len() == 32).count()
}

#[test]
fn a_flipped_byte_is_refused_or_costs_no_picture() {
    let (folder, file) = used();
    let images = known(&folder);
    let whole = fs::read(&file).unwrap();
    // Every page is hit, at places that differ; and the rows of the pictures more often.
    let places = (0..whole.len()).step_by(2_777);
    let rows = images.values().flat_map(|name| {
        let at = whole.windows(name.len()).position(|bytes| bytes == name.as_bytes()).unwrap();
        (at - 60..at + 40).step_by(7)
    });
    let (mut refused, mut started) = (0, 0);
    for at in places.chain(rows) {
        for flip in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            fs::write(&file, bytes).unwrap();
            match Store::open(folder.path(), None) {
                Err(error) => {
                    assert!(error.to_string().contains("nothing was changed"), "{at}: {error}");
                    refused += 1;
                }
                Ok(store) => {
                    for id in images.keys() {
                        let image = store.image(id).unwrap().unwrap_or_else(|| panic!("{at}: {id} is lost"));
                        let bytes = store.bytes(&image).unwrap();
                        assert!(String::from_utf8_lossy(&bytes).contains(&format!("the picture of {id}")));
                    }
                    started += 1;
                }
            }
            assert_eq!(pictures(&folder), images.len(), "{at}");
        }
    }
    println!("{refused} refused, {started} started");
    assert!(refused > 100 && started > 0, "{refused} refused, {started} started");
}

#[test]
fn what_can_be_read_of_a_damaged_database_is_kept_where_the_loss_is_accepted() {
    let accepting = crate::store::Opening { accept_loss: true, ..Default::default() };
    for (at, length, least) in [(100_000, 8_192, 5), (60_000, 50_000, 5), (4_096, 100, 0), (0, 100, 0)] {
        let (folder, file) = used();
        let images = known(&folder);
        let mut bytes = fs::read(&file).unwrap();
        bytes[at..at + length].fill(0xa5);
        fs::write(&file, &bytes).unwrap();
        let store = Store::open_with(folder.path(), accepting).unwrap();
        super::crash::assert_sound(&store);
        let kept = images.keys().filter(|id| store.image(id).unwrap().is_some()).count();
        assert!(kept >= least, "{at}: {kept} of {}", images.len());
        if least > 0 {
            let generations = generations(&store, "ann", (0, 1_000)).len();
            assert!(generations > 200, "{at}: {generations} of 300");
        }
        drop(store);
        assert_eq!(pictures(&folder), images.len(), "{at}: none is deleted");
        let lost = contents(&folder.path().join("lost"));
        let database = lost.iter().find(|(path, _)| path.ends_with("fulmen.db")).unwrap();
        assert!(*database.1 == bytes, "{at}: the damaged database is kept as it was");
        Store::open(folder.path(), None).unwrap();
    }
}

#[test]
fn a_database_without_its_last_page_keeps_all_other_rows_where_the_loss_is_accepted() {
    let accepting = crate::store::Opening { accept_loss: true, ..Default::default() };
    let (folder, file) = used();
    let images = known(&folder);
    let length = fs::metadata(&file).unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(length - 4096).unwrap();
    assert_refused(&folder, &["damaged", "--accept-loss"]);
    let store = Store::open_with(folder.path(), accepting).unwrap();
    super::crash::assert_sound(&store);
    let kept = images.keys().filter(|id| store.image(id).unwrap().is_some()).count();
    let generations = generations(&store, "ann", (0, 1_000)).len();
    assert!(kept >= 4 && generations > 200, "{kept} of {} and {generations} of 300", images.len());
}

#[test]
fn a_journal_that_is_not_ours_is_named_and_costs_nothing() {
    let (folder, _) = used();
    let journal = folder.path().join("fulmen.db-journal");
    // One that begins with a zero counts for nothing.
    fs::write(&journal, (0..5_000_u32).map(|i| (i * 31 + i / 7 + 1) as u8).collect::<Vec<_>>()).unwrap();
    let error = Store::open(folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("fulmen.db-journal"), "{error}");
    fs::remove_file(&journal).unwrap();
    assert_eq!(Store::open(folder.path(), None).unwrap().named("ann", None, 1_000).unwrap().0.len(), 5);
}

#[cfg(unix)]
#[test]
fn a_database_may_be_a_link_to_another_place() {
    let (folder, file) = used();
    let other = tempfile::tempdir().unwrap();
    let there = other.path().join("elsewhere.db");
    fs::copy(&file, &there).unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&there, &file).unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    add(&store, named("ann"));
    store.check().unwrap();
    store.close();
    drop(store);
    assert_eq!(known(&folder).len(), 6);
    assert!(file.is_symlink());
}

/// As in a copy made file by file while the log was written into the database.
#[test]
fn a_log_of_another_time_than_its_database_costs_no_picture_of_either() {
    let (folder, file) = used();
    let older = fs::read(&file).unwrap();
    let before = known(&folder);
    let store = Store::open(folder.path(), None).unwrap();
    let add_some = |count: usize| -> Vec<Image> { (0..count).map(|_| add(&store, named("ann"))).collect() };
    add_some(30);
    store.database.settle();
    let later = add_some(3);
    let log = fs::read(folder.path().join("fulmen.db-wal")).unwrap();
    let newest = later.iter().map(|image| image.id.clone());
    let expected: Vec<String> = before.into_keys().chain(newest).collect();
    drop(store);
    fs::write(&file, older).unwrap();
    fs::write(folder.path().join("fulmen.db-wal"), log).unwrap();
    let count = pictures(&folder);
    let store = Store::open(folder.path(), None).unwrap_or_else(|error| {
        assert!(error.to_string().contains("--accept-loss"), "{error}");
        let accepting = crate::store::Opening { accept_loss: true, ..Default::default() };
        Store::open_with(folder.path(), accepting).unwrap()
    });
    super::crash::assert_sound(&store);
    assert!(
        expected.iter().all(|id| store.image(id).unwrap().is_some()),
        "a record that can be read is lost"
    );
    drop(store);
    assert_eq!(pictures(&folder), count);
}
