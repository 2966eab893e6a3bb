//! What `--max-storage` allows: pictures, records, texts, the database and its log, all together.

use super::*;
use crate::problem::Problem;

const KIB: u64 = 1 << 10;

/// Room for half a dozen pictures of 200 KiB beside an empty database.
const LIMIT: u64 = 2 << 20;

fn limited(bytes: u64) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Some(bytes)).unwrap();
    (folder, store)
}

fn of_kib(kib: u64) -> NewImage {
    sized("ann", (kib * KIB) as usize)
}

/// Bytes of all files in a folder, and of the folders in it, as a disk with blocks of 4 KiB keeps them.
fn on_the_disk(folder: &Path) -> u64 {
    let about = |path: PathBuf| match fs::metadata(&path) {
        Ok(about) if about.is_dir() => 4_096 + on_the_disk(&path),
        about => about.map_or(0, |about| about.len().next_multiple_of(4_096)),
    };
    fs::read_dir(folder).unwrap().map(|entry| about(entry.unwrap().path())).sum()
}

/// A generation whose texts have so many bytes.
fn wordy(bytes: usize) -> Generation {
    Generation { request: json!({"prompt": "x".repeat(bytes)}), ..pending("ann") }
}

#[test]
fn room_is_refused_beyond_the_limit_and_the_sentence_says_what_to_do() {
    let (_folder, store) = limited(LIMIT);
    add(&store, of_kib(400));
    let held = store.reserve(500 * KIB).unwrap();
    let problem = store.reserve(1_000 * KIB).unwrap_err();
    assert_eq!((problem.status, problem.code, problem.retry_after), (503, "storage_full", None));
    for word in ["2097152", "409600", "512000", "1024000", "delete images", "--max-storage", "database"] {
        assert!(problem.message.contains(word), "{} does not say {word}", problem.message);
    }
    drop(store.reserve(100 * KIB).unwrap());
    drop(held);
    drop(store.reserve(1_000 * KIB).unwrap());
}

#[test]
fn what_is_promised_is_kept_and_never_deleted_for_others() {
    let (_folder, store) = limited(LIMIT);
    let image = add(&store, NewImage { bytes: vec![1; 900 << 10].into(), ..link("ann", 3_600) });
    assert_eq!(store.reserve(1_000 * KIB).unwrap_err().status, 503);
    assert_eq!(store.bytes(&image).unwrap().len(), 900 << 10);
}

#[test]
fn expired_images_make_way() {
    let (_folder, store) = limited(LIMIT);
    let expired = add(&store, NewImage { bytes: vec![1; 900 << 10].into(), ..link("ann", -1) });
    drop(store.reserve(1_000 * KIB).unwrap());
    assert_eq!(store.image(&expired.id).unwrap(), None);
}

#[test]
fn deleting_makes_room() {
    let (_folder, store) = limited(LIMIT);
    let image = add(&store, of_kib(900));
    assert_eq!(store.reserve(1_000 * KIB).unwrap_err().code, "storage_full");
    store.delete("ann", &image.id).unwrap();
    drop(store.reserve(1_000 * KIB).unwrap());
}

#[test]
fn the_limit_holds_even_for_what_was_never_reserved() {
    let (_folder, store) = limited(LIMIT);
    let image = add(&store, of_kib(900));
    let problem = store.add(vec![of_kib(1_000)]).unwrap_err();
    assert_eq!((problem.status, problem.code), (503, "storage_full"));
    assert_eq!(files(&store), vec![image.file]);
    add(&store, of_kib(100));
}

#[test]
fn who_keeps_nothing_is_never_refused() {
    let (folder, store) = limited(LIMIT);
    add(&store, of_kib(900));
    drop(store);
    let store = Store::open(folder.path(), Some(1)).unwrap();
    drop(store.reserve(0).unwrap());
    assert_eq!(store.reserve(1).unwrap_err().code, "storage_full");
}

#[test]
fn what_was_reserved_is_there_though_the_database_grew_meanwhile() {
    let (_folder, store) = limited(LIMIT);
    let free = LIMIT - store.usage().total();
    let held = store.reserve(free).unwrap();
    let image = add(&store, of_kib(free / KIB - 4));
    drop(held);
    assert_eq!(store.bytes(&image).unwrap().len() as u64, image.size);
}

#[test]
fn texts_and_the_log_count() {
    let (folder, store) = limited(8 << 20);
    let before = store.usage();
    let generations: Vec<Generation> = (0..6).map(|_| wordy(250 << 10)).collect();
    generations.iter().for_each(|generation| store.begin(generation, &[]).unwrap());
    let after = store.usage();
    assert_eq!(after.pictures, before.pictures);
    assert!(after.database - before.database > 5 * 250 * KIB, "{before:?} {after:?}");
    let disk = on_the_disk(folder.path());
    assert!(after.total() >= disk, "{after:?}, and {disk} bytes on the disk");
    // Deleted, it is given back while the server runs.
    for generation in &generations {
        assert!(store.delete_generation("ann", &generation.id).unwrap());
    }
    let left = on_the_disk(folder.path());
    assert!(left < 1_500 * KIB, "{left} of {disk} bytes are left");
}

/// The disk never has more than the limit, whatever is asked and deleted.
#[test]
fn long_prompts_that_are_begun_and_deleted_stay_within_the_limit() {
    let limit = 4 << 20;
    let (folder, store) = limited(limit);
    let mut most = 0;
    let mut refused = 0;
    for round in 0..60 {
        let generation = wordy(250 << 10);
        match store.reserve(2 * 260 * KIB) {
            Ok(_room) => {
                store.begin(&generation, &[]).unwrap();
                most = most.max(on_the_disk(folder.path()));
                if round % 3 != 0 {
                    store.delete_generation("ann", &generation.id).unwrap();
                }
            }
            Err(Problem { code, .. }) => {
                assert_eq!(code, "storage_full");
                refused += 1;
            }
        }
        most = most.max(on_the_disk(folder.path()));
    }
    assert!(most <= limit, "{most} bytes on the disk, {limit} are allowed");
    assert!(refused > 0, "{most} bytes were never too many");
    drop(store);
    assert!(on_the_disk(folder.path()) <= limit);
}

#[test]
fn a_picture_takes_whole_blocks_and_its_folder() {
    let (folder, store) = limited(16 << 20);
    let images: Vec<Image> = (0..100).map(|_| add(&store, sized("ann", 1))).collect();
    let (usage, disk) = (store.usage(), on_the_disk(folder.path()));
    assert!(usage.total() >= disk, "{usage:?}, and {disk} bytes on the disk");
    assert_eq!(store.quota.kept(), 100 * 4_096);
    for image in images {
        store.delete("ann", &image.id).unwrap();
    }
    assert_eq!(store.usage().pictures, 0);
    assert_eq!(fs::read_dir(store.pictures.folder()).unwrap().count(), 0, "empty folders go, too");
}

#[test]
fn a_generation_that_finds_no_room_stays_pending() {
    let (_folder, store) = limited(LIMIT);
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    let large = NewImage { bytes: vec![1; 2 << 20].into(), ..part(&generation, 0) };
    assert_eq!(store.complete(&generation.id, 4, vec![large]).unwrap_err().code, "storage_full");
    assert_eq!(store.pending().unwrap(), vec![generation]);
}

#[test]
fn what_is_larger_than_the_limit_is_told_at_once() {
    let (_folder, store) = limited(LIMIT);
    store.could_hold(LIMIT).unwrap();
    let problem = store.could_hold(LIMIT + 1).unwrap_err();
    assert!(
        problem.message.contains("larger --max-storage") && !problem.message.contains("delete"),
        "{problem:?}"
    );
}

#[test]
fn pictures_from_before_a_restart_count() {
    let (folder, store) = limited(LIMIT);
    add(&store, of_kib(900));
    drop(store);
    let store = Store::open(folder.path(), Some(LIMIT)).unwrap();
    assert_eq!(store.quota.kept(), 900 * KIB);
    assert_eq!(store.reserve(1_000 * KIB).unwrap_err().status, 503);
    drop(store);
    // A smaller limit than before refuses new ones, and deletes nothing.
    let store = Store::open(folder.path(), Some(10)).unwrap();
    assert_eq!(store.reserve(1).unwrap_err().status, 503);
    assert_eq!(store.named("ann", None, 10).unwrap().0.len(), 1);
}

#[test]
fn numbers_beyond_all_measure_do_not_wrap_around() {
    let (_folder, store) = limited(LIMIT);
    assert_eq!(store.reserve(u64::MAX).unwrap_err().status, 503);
    let (_folder, store) = super::store();
    assert_eq!(store.reserve(u64::MAX).unwrap_err().code, "storage_full", "no disk has as much");
    drop(store.reserve(1 << 20).unwrap());
    add(&store, named("ann"));
}

#[test]
fn many_at_once_never_pass_the_limit() {
    let (folder, store) = limited(LIMIT);
    let kept: usize = std::thread::scope(|scope| {
        let each = || scope.spawn(|| (0..5).filter(|_| store.add(vec![of_kib(100)]).is_ok()).count());
        let threads: Vec<_> = (0..8).map(|_| each()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!((8..20).contains(&kept), "{kept}");
    assert_eq!(store.quota.kept(), kept as u64 * 100 * KIB);
    let disk = on_the_disk(folder.path());
    // Those that asked at once did not see what the rows of the others would take.
    assert!(disk <= LIMIT + 8 * 64 * KIB, "{disk}");
}
