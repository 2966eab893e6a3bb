//! Copies that fit together.

use std::sync::atomic::{AtomicBool, Ordering};

use super::crash::assert_sound;
use super::*;
use crate::store::{BackedUp, BackupProgress, backup};

fn copy(from: &Path, to: &Path) -> crate::error::Result<BackedUp> {
    backup(from, to, &mut |_| true)
}

#[test]
fn a_copy_of_a_running_server_has_everything_and_is_opened_beside_it() {
    let (folder, store) = store();
    fs::write(folder.path().join("link.key"), [7; 32]).unwrap();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.complete(&generation.id, 4, vec![part(&generation, 0), part(&generation, 1)]).unwrap();
    let waits = pending("bob");
    store.begin(&waits, &[]).unwrap();
    let images: Vec<Image> = (0..20).map(|_| add(&store, named("ann"))).collect();
    let target = tempfile::tempdir().unwrap();
    let to = target.path().join("a/b");
    let mut told = vec![];
    let copied = backup(folder.path(), &to, &mut |progress| {
        told.push(progress);
        true
    });
    let copied = copied.unwrap();
    assert_eq!((copied.pictures, copied.generations, copied.missing), (22, 2, 0));
    assert_eq!(told.last(), Some(&BackupProgress::Pictures { pictures: 22, of: 22 }));
    assert!(matches!(told[0], BackupProgress::Database { pages, of } if pages == of));
    let mut names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["fulmen.db", "link.key", "pictures"], "one file for the database");

    let again = Store::open(&to, None).unwrap();
    assert_sound(&again);
    for image in &images {
        assert_eq!(again.image(&image.id).unwrap().as_ref(), Some(image));
        assert_eq!(again.bytes(image).unwrap(), store.bytes(image).unwrap());
    }
    assert_eq!(
        again.generation("ann", &generation.id).unwrap(),
        store.generation("ann", &generation.id).unwrap()
    );
    assert_eq!(again.pending().unwrap(), vec![waits]);
    // Each lives its own life, though they may share files.
    again.delete("ann", &images[0].id).unwrap();
    store.delete("ann", &images[1].id).unwrap();
    assert!(store.bytes(&images[0]).is_ok() && again.bytes(&images[1]).is_ok());
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_copy() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, store) = store();
    fs::write(folder.path().join("link.key"), [7; 32]).unwrap();
    add(&store, named("ann"));
    let target = tempfile::tempdir().unwrap();
    let to = target.path().join("copy");
    copy(folder.path(), &to).unwrap();
    let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["", "pictures", "link.key", "fulmen.db"].map(mode), [0o700, 0o700, 0o600, 0o600]);
    assert_eq!(fs::read(to.join("link.key")).unwrap(), [7; 32]);
}

#[test]
fn a_copy_of_a_stopped_server_leaves_no_log_behind() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    drop(store);
    let target = tempfile::tempdir().unwrap();
    copy(folder.path(), target.path()).unwrap();
    for folder in [folder.path(), target.path()] {
        let names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(!names.iter().any(|name| name.ends_with("-wal") || name.ends_with("-shm")), "{names:?}");
    }
    assert!(Store::open(target.path(), None).unwrap().bytes(&image).is_ok());
}

#[test]
fn a_copy_of_what_a_killed_server_left_has_its_log_and_its_unnamed_pictures() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let path = store.pictures.path(&image.file);
    fs::rename(&path, path.with_extension("part")).unwrap();
    let after = super::crash::crashed(&folder);
    let target = tempfile::tempdir().unwrap();
    assert_eq!(copy(after.path(), target.path()).unwrap().pictures, 1);
    assert!(Store::open(target.path(), None).unwrap().bytes(&image).is_ok());
}

#[test]
fn deletions_and_additions_meanwhile_leave_a_copy_that_fits_together() {
    let (folder, store) = store();
    let mut images: Vec<Image> = (0..60).map(|_| add(&store, sized("ann", 2_000))).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = super::copies::Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                store.delete("ann", &images.remove(0).id).unwrap();
                images.push(add(&store, sized("ann", 2_000)));
            }
        });
        for _ in 0..10 {
            let target = tempfile::tempdir().unwrap();
            // Deletions happen in the middle of it, too.
            let copied = backup(folder.path(), target.path(), &mut |_| {
                std::thread::sleep(std::time::Duration::from_micros(500));
                true
            });
            let copied = copied.unwrap();
            assert_eq!(copied.missing, 0);
            let store = Store::open(target.path(), None).unwrap();
            assert_sound(&store);
            assert_eq!(files(&store).len() as u64, copied.pictures);
            assert!(!target.path().join("lost").exists());
        }
    });
}

#[test]
fn pictures_that_are_missing_are_told_and_the_others_copied() {
    let (folder, store) = store();
    let images: Vec<Image> = (0..20).map(|_| add(&store, named("ann"))).collect();
    fs::remove_file(store.pictures.path(&images[4].file)).unwrap();
    let target = tempfile::tempdir().unwrap();
    let copied = copy(folder.path(), target.path()).unwrap();
    assert_eq!((copied.pictures, copied.missing), (19, 1));
    assert_eq!(Store::open(target.path(), None).unwrap().named("ann", None, 100).unwrap().0.len(), 19);
}

#[test]
fn what_cannot_be_copied_is_refused_in_a_sentence_and_leaves_nothing() {
    let (folder, store) = store();
    add(&store, named("ann"));
    let target = tempfile::tempdir().unwrap();
    let refused = |from: &Path, to: &Path| copy(from, to).unwrap_err().to_string();

    fs::write(target.path().join("mine"), b"").unwrap();
    let sentence = refused(folder.path(), target.path());
    assert!(
        sentence.contains("not empty") && sentence.contains(target.path().to_str().unwrap()),
        "{sentence}"
    );
    assert!(refused(folder.path(), folder.path()).contains("not empty"));
    let sentence = refused(target.path(), &target.path().join("a"));
    assert!(sentence.contains("fulmen.db") && sentence.contains("--data"), "{sentence}");
    assert!(!target.path().join("a").exists());

    let other = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(other.path().join("fulmen.db")).unwrap();
    db.execute_batch("CREATE TABLE diary (day TEXT)").unwrap();
    drop(db);
    assert!(refused(other.path(), &target.path().join("a")).contains("not the database of"));
    fs::write(other.path().join("fulmen.db"), "Dear diary").unwrap();
    assert!(refused(other.path(), &target.path().join("a")).contains("damaged"));
    assert!(!target.path().join("a").exists());
}

#[test]
fn a_copy_that_was_stopped_leaves_nothing() {
    let (folder, store) = store();
    (0..5).for_each(|_| drop(add(&store, named("ann"))));
    let target = tempfile::tempdir().unwrap();
    for stop_at in 0..5 {
        let to = target.path().join("copy");
        let mut steps = 0;
        let stopped = backup(folder.path(), &to, &mut |_| {
            steps += 1;
            steps <= stop_at
        });
        assert!(stopped.unwrap_err().to_string().contains("stopped"));
        assert!(!to.exists());
    }
}

#[test]
fn a_copy_that_was_killed_is_no_data_directory() {
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("fulmen.db.part"), b"half").unwrap();
    let sentence = Store::open(target.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("did not finish"), "{sentence}");
    assert!(!target.path().join("fulmen.db").exists());
}
