//! Data directories of older versions. `fixtures/version-1` was left by a server of version 1 that was killed while it
//! drew: its log is not written into the database, and two generations are pending.

use super::crash::assert_sound;
use super::*;

/// A copy of the fixture, to work on.
fn version_1() -> TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/tests/fixtures/version-1");
    let copy = tempfile::tempdir().unwrap();
    for (path, bytes) in contents(&fixture) {
        let to = copy.path().join(path.strip_prefix(&fixture).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    copy
}

#[test]
fn a_directory_of_version_1_opens_with_everything_in_it() {
    let folder = version_1();
    let store = Store::open(folder.path(), None).unwrap();
    let (named, _) = store.named("local", None, 10).unwrap();
    assert_eq!(named.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["Cat"]);
    let generations = generations(&store, "local", (0, 10));
    let states: Vec<(State, usize)> =
        generations.iter().map(|(one, images)| (one.state, images.len())).collect();
    assert_eq!(
        states,
        [(State::Pending, 0), (State::Pending, 0), (State::Complete, 1), (State::Complete, 2)],
        "newest first"
    );
    assert!(generations.iter().all(|(one, _)| one.attempts == 0 && one.failure.is_none()));
    for image in generations.iter().flat_map(|(_, images)| images).chain(&named) {
        let bytes = store.bytes(image).unwrap();
        let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap();
        assert_eq!((picture.width() as usize, picture.height() as usize), (image.width, image.height));
        assert_eq!(
            image.public,
            matches!(&image.kind, ImageKind::Generation { id, .. } if id.starts_with("85fc07c4"))
        );
    }
    let link = store.image("image_svbctkbbz37ktx9g4tftzq1i").unwrap().unwrap();
    assert_eq!((link.kind.clone(), store.bytes(&link).unwrap().len()), (ImageKind::Link, 5_651));
    assert_sound(&store);
    assert!(!folder.path().join("lost").exists());
}

#[test]
fn a_directory_of_version_1_learns_to_become_smaller() {
    let folder = version_1();
    let store = Store::open(folder.path(), None).unwrap();
    let mode = |store: &Store| {
        store.read(|db| Ok(db.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))?)).unwrap()
    };
    assert_eq!(mode(&store), 2, "INCREMENTAL");
    let version =
        store.read(|db| Ok(db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?));
    assert_eq!(version.unwrap(), 3);
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(mode(&store), 2);
    let large = Generation { request: json!({"prompt": "x".repeat(1 << 20)}), ..pending("ann") };
    store.begin(&large, &[]).unwrap();
    store.database.settle();
    let database = folder.path().join("fulmen.db");
    let before = fs::metadata(&database).unwrap().len();
    store.delete_generation("ann", &large.id).unwrap();
    store.database.settle();
    let after = fs::metadata(&database).unwrap().len();
    assert!(before > 1 << 20 && after < 300_000, "{before} {after}");
}

#[test]
fn a_copy_of_a_directory_of_version_1_opens_too() {
    let (folder, target) = (version_1(), tempfile::tempdir().unwrap());
    let copied = crate::store::backup(folder.path(), target.path(), &mut |_| true).unwrap();
    assert_eq!((copied.pictures, copied.generations), (5, 4));
    assert_eq!(generations(&Store::open(target.path(), None).unwrap(), "local", (0, 10)).len(), 4);
}
