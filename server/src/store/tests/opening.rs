use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::*;
use crate::store::schema::{migrate, version};

#[test]
fn a_second_server_on_the_same_directory_is_refused_while_the_first_lives() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("another server uses it") && sentence.contains("--data"), "{sentence}");
    assert_eq!(store.image(&image.id).unwrap(), Some(image), "the first is unharmed");
    drop(store);
    Store::open(folder.path(), None).unwrap();
}

#[test]
fn a_program_that_is_just_being_started_does_not_keep_the_directory_locked() {
    let (folder, store) = store();
    // Between fork and exec a child has every file of its parent, as this has.
    let inherited = store._lock.inherited();
    assert!(Store::open(folder.path(), None).is_err());
    drop(store);
    Store::open(folder.path(), None).unwrap();
    drop(inherited);
}

#[test]
fn a_directory_is_made_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b c/ü");
    let store = Store::open(&deep, None).unwrap();
    add(&store, named("ann"));
}

#[cfg(unix)]
#[test]
fn other_users_of_the_machine_see_neither_pictures_nor_prompts() {
    use std::os::unix::fs::PermissionsExt;

    // The directory itself may have been made by hand, for everybody to see.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = Store::open(&folder.path().join("made"), None).unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    let image = store.pictures.path(&add(&store, named("ann")).file);
    let names = ["made", "pictures", "fulmen.db", "fulmen.db-wal"].map(|name| folder.path().join(name));
    for path in names.iter().map(PathBuf::as_path).chain(image.parent()) {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has the mode {mode:o}", path.display());
    }
}

#[test]
fn a_store_says_whether_it_can_be_used() {
    let (folder, store) = store();
    store.check().unwrap();
    let other = hold(folder.path());
    // An answer counts for a moment.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(store.check().unwrap_err().code, "storage_unavailable");
    drop(other);
    std::thread::sleep(Duration::from_millis(300));
    store.check().unwrap();
    fs::remove_dir_all(folder.path().join("pictures")).unwrap();
    assert_eq!(store.check().unwrap_err().code, "storage_unavailable");
}

#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    fs::write(&file, b"mine").unwrap();
    let sentence = Store::open(&file, None).unwrap_err().to_string();
    assert!(sentence.contains("--data") && sentence.contains(file.to_str().unwrap()), "{sentence}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn the_database_is_set_to_survive_a_power_cut() {
    let (_folder, store) = store();
    let setting = |name: &str| -> String {
        let ask = |db: &Connection| {
            Ok(db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))?)
        };
        format!("{:?}", store.read(ask).unwrap())
    };
    assert_eq!(setting("journal_mode"), "Text(\"wal\")");
    assert_eq!(setting("synchronous"), "Integer(2)", "FULL");
    assert_eq!(setting("foreign_keys"), "Integer(1)");
    assert_eq!(setting("user_version"), "Integer(3)");
    assert_eq!(setting("auto_vacuum"), "Integer(2)", "INCREMENTAL");
}

#[test]
fn a_migration_counts_wholly_or_not_at_all() {
    let mut db = Connection::open_in_memory().unwrap();
    let first = "CREATE TABLE a (x); INSERT INTO a VALUES (1);";
    migrate(&mut db, &[first]).unwrap();
    assert_eq!(version(&db).unwrap(), 1);
    let broken = "CREATE TABLE b (x); INSERT INTO b VALUES (1); INSERT INTO missing VALUES (1);";
    migrate(&mut db, &[first, broken]).unwrap_err();
    assert_eq!(version(&db).unwrap(), 1);
    let tables = |db: &Connection| -> i64 {
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(tables(&db), 1, "nothing of the broken script stays");
    migrate(&mut db, &[first, "CREATE TABLE b (x);", "CREATE TABLE c (x);"]).unwrap();
    assert_eq!((version(&db).unwrap(), tables(&db)), (3, 3));
    migrate(&mut db, &[first]).unwrap();
    assert_eq!(version(&db).unwrap(), 3, "scripts that ran do not run again");
}

/// Another program has the database for itself.
fn hold(folder: &Path) -> Connection {
    let other = Connection::open(folder.join("fulmen.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn a_locked_database_is_a_problem_that_passes() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    let other = hold(folder.path());
    let began = Instant::now();
    let problem = store.add(vec![named("ann")]).unwrap_err();
    assert_eq!((problem.status, problem.code), (503, "storage_unavailable"));
    assert!(problem.retry_after.is_some() && problem.message.contains("locked"), "{problem:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(store.named("ann", None, 10).unwrap().0, vec![image.clone()], "reading goes on");
    assert_eq!(files(&store), vec![image.file]);
    drop(other);
    add(&store, named("ann"));
}

#[test]
fn a_lock_that_is_short_is_waited_for() {
    let (folder, store) = store();
    let other = hold(folder.path());
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(store.add(vec![named("ann")]).is_ok()).unwrap());
        assert!(receiver.recv_timeout(Duration::from_millis(300)).is_err(), "it waits");
        drop(other);
        assert!(receiver.recv_timeout(Duration::from_secs(10)).unwrap());
    });
}

#[test]
fn a_database_that_is_locked_for_good_is_refused_at_the_start() {
    let (folder, store) = store();
    drop(store);
    let other = Connection::open(folder.path().join("fulmen.db")).unwrap();
    other.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let sentence = Store::open(folder.path(), None).unwrap_err().to_string();
    assert!(sentence.contains("another program has locked it"), "{sentence}");
    drop(other);
    Store::open(folder.path(), None).unwrap();
}

#[test]
fn readers_and_writers_share_a_store() {
    let (_folder, store) = store();
    std::thread::scope(|scope| {
        for owner in ["ann", "bob", "eve"] {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..20 {
                    let image = add(store, named(owner));
                    assert_eq!(store.bytes(&image).unwrap().len() as u64, image.size);
                    store.publish(owner, &image.id, true).unwrap();
                    store.named(owner, None, 10).unwrap();
                    store.sweep(Timestamp::now()).unwrap();
                }
                assert_eq!(store.named(owner, None, 100).unwrap().0.len(), 20);
            });
        }
    });
}
