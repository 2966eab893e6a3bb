//! What does not match is moved aside and told, never deleted; and where much does not, nothing is touched.

use super::crash::assert_sound;
use super::*;
use crate::store::Opening;

const ACCEPTING: Opening = Opening { max_storage: None, accept_loss: true };

/// A store with so many images.
fn with_images(count: usize) -> (TempDir, Store, Vec<Image>) {
    let (folder, store) = store();
    let images = (0..count).map(|_| add(&store, named("ann"))).collect();
    (folder, store, images)
}

/// All files that were moved aside, by their name.
fn lost(folder: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let lost = folder.path().join("lost");
    let found = if lost.exists() { contents(&lost) } else { BTreeMap::new() };
    found
        .into_iter()
        .map(|(path, bytes)| (path.file_name().unwrap().to_str().unwrap().to_owned(), bytes))
        .collect()
}

/// The records that were moved aside.
fn lost_records(folder: &TempDir) -> Vec<serde_json::Value> {
    let bytes = lost(folder).remove("records.jsonl").unwrap_or_default();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The start is refused, the sentence says all of this, and nothing is changed.
fn assert_refused(folder: &TempDir, words: &[&str]) {
    let before = contents(folder.path());
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    for word in words.iter().chain(&["--accept-loss", "Nothing was changed", folder.path().to_str().unwrap()])
    {
        assert!(sentence.contains(word), "{sentence} does not say {word}");
    }
    let mut after = contents(folder.path());
    after.retain(|path, bytes| before.contains_key(path) || !bytes.is_empty());
    assert!(before == after, "{:?} {:?}", before.keys(), after.keys());
}

#[test]
fn a_picture_without_a_record_is_moved_aside() {
    let (folder, store, images) = with_images(12);
    let path = store.pictures.folder().join("ab").join("ab".repeat(16));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"whose is it?").unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert!(!path.exists());
    assert_eq!(lost(&folder), BTreeMap::from([("ab".repeat(16), b"whose is it?".to_vec())]));
    assert_eq!(store.named("ann", None, 100).unwrap().0.len(), images.len());
    assert_sound(&store);
}

#[test]
fn a_record_without_its_picture_is_moved_aside_and_a_generation_keeps_its_others() {
    let (folder, store, _) = with_images(20);
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.complete(&generation.id, 4, (0..3).map(|at| part(&generation, at)).collect()).unwrap();
    let (_, images) = store.generation("ann", &generation.id).unwrap().unwrap();
    fs::remove_file(store.pictures.path(&images[1].file)).unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    let (_, left) = store.generation("ann", &generation.id).unwrap().unwrap();
    assert_eq!(left, [&images[0], &images[2]].map(Clone::clone));
    let records = lost_records(&folder);
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((&record["id"], &record["file"]), (&json!(images[1].id), &json!(images[1].file)));
    assert_eq!((&record["owner"], &record["generation"]), (&json!("ann"), &json!(generation.id)));
    assert_sound(&store);
}

#[test]
fn half_a_picture_is_moved_aside_with_its_record() {
    let (folder, store, images) = with_images(12);
    fs::write(store.pictures.path(&images[3].file), b"half").unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.image(&images[3].id).unwrap(), None);
    assert_eq!(lost(&folder)[&images[3].file], b"half");
    assert_eq!(lost_records(&folder)[0]["id"], json!(images[3].id));
    assert_sound(&store);
}

#[test]
fn a_whole_picture_of_another_size_than_its_record_says_is_kept() {
    let (folder, store, _) = with_images(3);
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), b"pixels", b"\0\0\0\0IEND\xae\x42\x60\x82"].concat();
    let image = add(&store, NewImage { bytes: png.clone().into(), ..named("ann") });
    let wrong = |transaction: &rusqlite::Transaction<'_>| {
        Ok(transaction.execute("UPDATE images SET size = 7 WHERE id = ?1", [&image.id]).map(drop)?)
    };
    store.write(wrong).unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.image(&image.id).unwrap(), Some(image.clone()));
    assert_eq!(store.bytes(&image).unwrap(), png);
    assert!(lost(&folder).is_empty());
    assert_sound(&store);
}

#[test]
fn an_empty_folder_of_pictures_is_refused_however_few_they_were() {
    for count in [1, 3, 30] {
        let (folder, store, images) = with_images(count);
        let (pictures, away) = (folder.path().join("pictures"), folder.path().join("away"));
        drop(store);
        fs::rename(&pictures, &away).unwrap();
        let records = format!("{count} of {count} records have no picture");
        assert_refused(&folder, &[&records, "missing", "mounted"]);
        fs::create_dir(&pictures).unwrap();
        assert_refused(&folder, &[&records, "is empty", "mounted"]);
        // The disk is mounted again: nothing was lost.
        fs::remove_dir(&pictures).unwrap();
        fs::rename(&away, &pictures).unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        assert_eq!(store.named("ann", None, 100).unwrap().0.len(), images.len());
        assert_sound(&store);
    }
}

#[test]
fn an_older_database_beside_newer_pictures_is_refused_and_deletes_none() {
    let (folder, store, _) = with_images(2);
    drop(store);
    let database = folder.path().join("fulmen.db");
    let older = fs::read(&database).unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let newer: Vec<Image> = (0..3).map(|_| add(&store, named("ann"))).collect();
    drop(store);
    let newest = fs::read(&database).unwrap();
    fs::write(&database, &older).unwrap();
    assert_refused(&folder, &["3 of 5 pictures have no record", "older copy"]);

    let store = Store::open_with(folder.path(), ACCEPTING).unwrap();
    let aside = lost(&folder);
    assert_eq!(aside.len(), 3);
    for image in &newer {
        assert_eq!(aside[&image.file], format!("the picture of {}", image.id).into_bytes());
    }
    assert_eq!(store.named("ann", None, 100).unwrap().0.len(), 2);
    assert_sound(&store);
    drop(store);

    // The right database comes back: so do the pictures that were moved aside.
    fs::write(&database, newest).unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.named("ann", None, 100).unwrap().0.len(), 5);
    for image in &newer {
        assert_eq!(store.bytes(image).unwrap(), aside[&image.file]);
    }
    assert_sound(&store);
}

#[test]
fn a_newer_database_beside_older_pictures_is_refused_and_forgets_no_record() {
    let (folder, store, images) = with_images(10);
    let gone: Vec<PathBuf> = images[..4].iter().map(|image| store.pictures.path(&image.file)).collect();
    drop(store);
    let bytes: Vec<Vec<u8>> = gone.iter().map(|path| fs::read(path).unwrap()).collect();
    gone.iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_refused(&folder, &["4 of 10 records have no picture", "half done"]);
    drop(Store::open_with(folder.path(), ACCEPTING).unwrap());
    let ids: Vec<String> =
        lost_records(&folder).iter().map(|one| one["id"].as_str().unwrap().into()).collect();
    assert!(images[..4].iter().all(|image| ids.contains(&image.id)), "{ids:?}");

    // The rest of the restore: the records come back with their pictures, as they were.
    for (path, bytes) in gone.iter().zip(&bytes) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let store = Store::open(folder.path(), None).unwrap();
    for image in &images {
        assert_eq!(store.image(&image.id).unwrap().as_ref(), Some(image));
    }
    assert_sound(&store);
}

#[test]
fn one_of_ten_is_moved_aside_and_two_are_refused() {
    for (count, lose, refused) in
        [(10, 1, false), (10, 2, true), (20, 2, false), (20, 3, true), (2, 1, false)]
    {
        let (folder, store, images) = with_images(count);
        let paths = images[..lose].iter().map(|image| store.pictures.path(&image.file));
        paths.for_each(|path| fs::remove_file(path).unwrap());
        drop(store);
        assert_eq!(Store::open(folder.path(), None).is_err(), refused, "{lose} of {count}");
        assert_eq!(lost_records(&folder).len(), if refused { 0 } else { lose });
    }
}

#[test]
fn every_start_has_a_folder_of_its_own_for_what_is_lost() {
    let (folder, store, images) = with_images(30);
    drop(store);
    for image in &images[..2] {
        let store = Store::open(folder.path(), None).unwrap();
        fs::remove_file(store.pictures.path(&image.file)).unwrap();
        drop(store);
        drop(Store::open(folder.path(), None).unwrap());
    }
    assert_eq!(fs::read_dir(folder.path().join("lost")).unwrap().count(), 2);
}

#[test]
fn what_is_lost_counts_and_is_not_taken_for_pictures() {
    let (folder, store, images) = with_images(12);
    fs::write(store.pictures.path(&images[0].file), vec![1; 100_000]).unwrap();
    drop(store);
    let opening = Opening { max_storage: Some(4 << 20), ..Opening::default() };
    let store = Store::open_with(folder.path(), opening).unwrap();
    let usage = store.usage();
    assert!(usage.lost >= 100_000 && usage.total() > usage.lost, "{usage:?}");
    fs::remove_dir_all(folder.path().join("lost")).unwrap();
    store.tidy().unwrap();
    assert_eq!(store.usage().lost, 0);
}

#[test]
fn folders_that_are_not_the_stores_are_left_alone() {
    let (folder, store, _) = with_images(2);
    drop(store);
    let others = ["gate/1.sock", "backups/monday/fulmen.db", "keys.txt", "lost/mine/notes.txt"];
    for other in others {
        let path = folder.path().join(other);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, other).unwrap();
    }
    let store = Store::open(folder.path(), None).unwrap();
    store.tidy().unwrap();
    drop(store);
    for other in others {
        assert_eq!(fs::read_to_string(folder.path().join(other)).unwrap(), other);
    }
}
