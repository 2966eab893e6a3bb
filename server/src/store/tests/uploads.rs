use super::crash::{assert_sound, crashed};
use super::*;
use crate::store::{COMING, Input, Opening, UNUSED, Upload, backup};

/// A picture of this owner's that is announced now.
pub(super) fn announced(owner: &str) -> Upload {
    let created_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let (id, kind) = (new_uuid(), InputKind::Init);
    Upload { id, owner: owner.into(), kind, created_at, expires_at: created_at + COMING }
}

/// The picture that was announced, as it comes.
pub(super) fn arriving(upload: &Upload) -> NewImage {
    let expires_at = Some(Timestamp::now() + UNUSED);
    let (id, kind) = (upload.id.clone(), ImageKind::Input(upload.kind));
    NewImage { id, kind, expires_at, ..named(&upload.owner) }
}

/// A picture of this owner's that was announced and came.
fn received(store: &Store, owner: &str) -> Image {
    let upload = announced(owner);
    store.announce(std::slice::from_ref(&upload)).unwrap();
    assert!(store.receive(arriving(&upload)).unwrap());
    store.owned(owner, &upload.id).unwrap()
}

#[test]
fn a_picture_comes_once_and_only_its_owner_sees_it() {
    let (_folder, store) = store();
    let upload = announced("ann");
    store.announce(std::slice::from_ref(&upload)).unwrap();
    assert_eq!(store.input("ann", &upload.id).unwrap(), Some(Input::Coming(upload.clone())));
    assert_eq!(store.input("bob", &upload.id).unwrap(), None);
    assert!(store.receive(arriving(&upload)).unwrap());
    let Some(Input::Here(image)) = store.input("ann", &upload.id).unwrap() else { panic!("it is here") };
    assert_eq!(image.kind, ImageKind::Input(InputKind::Init));
    assert_eq!(store.input("bob", &upload.id).unwrap(), None);
    assert!(!store.receive(arriving(&upload)).unwrap(), "a second time");
    assert!(!store.receive(arriving(&announced("ann"))).unwrap(), "never announced");
    assert!(!store.delete_input("bob", &upload.id).unwrap());
    assert!(
        store.delete_input("ann", &upload.id).unwrap() && !store.delete_input("ann", &upload.id).unwrap()
    );
    assert_sound(&store);
    assert_eq!(files(&store), [""; 0]);
}

#[test]
fn what_does_not_come_in_its_time_is_forgotten() {
    let (_folder, store) = store();
    let (late, early) = (announced("ann"), announced("ann"));
    let late = Upload { expires_at: late.created_at - COMING, ..late };
    store.announce(&[late.clone(), early.clone()]).unwrap();
    store.tidy().unwrap();
    assert_eq!(store.coming(&late.id).unwrap(), None);
    assert_eq!(store.coming(&early.id).unwrap(), Some(early.clone()));
    assert!(!store.receive(arriving(&late)).unwrap() && store.receive(arriving(&early)).unwrap());
}

#[test]
fn an_unused_picture_goes_after_a_day_and_a_used_one_with_its_last_generation() {
    let (_folder, store) = store();
    let (unused, used) = (received(&store, "ann"), received(&store, "ann"));
    let generations = [pending("ann"), pending("ann")];
    for generation in &generations {
        store.begin(generation, &[&used.id]).unwrap();
    }
    let after_a_day = Timestamp::now() + UNUSED + SignedDuration::from_mins(1);
    assert_eq!(store.sweep(Timestamp::now()).unwrap(), 0);
    assert_eq!(store.sweep(after_a_day).unwrap(), 1);
    assert_eq!(store.input("ann", &unused.id).unwrap(), None);
    store.delete_generation("ann", &generations[0].id).unwrap();
    assert_eq!(store.sweep(after_a_day).unwrap(), 0, "the other uses it");
    store.complete(&generations[1].id, 4, vec![part(&generations[1], 0)]).unwrap();
    assert_eq!(store.sweep(after_a_day).unwrap(), 0, "it can be asked what it was drawn from");
    store.delete_generation("ann", &generations[1].id).unwrap();
    assert_eq!(store.sweep(Timestamp::now()).unwrap(), 0, "its day is not over");
    assert_eq!(store.sweep(after_a_day).unwrap(), 1);
    assert_sound(&store);
}

#[test]
fn a_generation_begins_only_from_pictures_of_its_owner_that_are_there() {
    let (_folder, store) = store();
    let picture = received(&store, "ann");
    for (owner, id) in [("bob", picture.id.as_str()), ("ann", "none")] {
        let generation = pending(owner);
        let problem = store.begin(&generation, &[id]).unwrap_err();
        assert_eq!((problem.status, problem.code), (400, "picture_deleted"));
        assert_eq!(store.generation(owner, &generation.id).unwrap(), None);
    }
    // A picture of another kind stays as long as it would otherwise.
    let behind_a_link = add(&store, link("ann", 60));
    store.begin(&pending("ann"), &[&behind_a_link.id]).unwrap();
    assert_eq!(store.image(&behind_a_link.id).unwrap(), Some(behind_a_link));
}

#[test]
fn a_picture_that_came_survives_a_kill_with_its_use() {
    let (folder, store) = store();
    let (waiting, used, generation) = (announced("ann"), received(&store, "ann"), pending("ann"));
    store.announce(std::slice::from_ref(&waiting)).unwrap();
    store.begin(&generation, &[&used.id]).unwrap();
    let after = crashed(&folder);
    let again = Store::open(after.path(), None).unwrap();
    assert_eq!(again.coming(&waiting.id).unwrap(), Some(waiting.clone()));
    assert_eq!(again.bytes(&used).unwrap(), store.bytes(&used).unwrap());
    assert_eq!(again.sweep(Timestamp::now() + UNUSED + UNUSED).unwrap(), 0);
    assert!(again.receive(arriving(&waiting)).unwrap());
    assert_sound(&again);
}

#[test]
fn variations_are_of_a_picture_and_go_with_its_generation() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.complete(&generation.id, 4, vec![part(&generation, 0), part(&generation, 1)]).unwrap();
    let (_, images) = store.generation("ann", &generation.id).unwrap().unwrap();
    let variation = Generation { variation_of: Some(images[1].id.clone()), ..pending("ann") };
    store.begin(&variation, &[&images[1].id]).unwrap();
    store.complete(&variation.id, 0, vec![part(&variation, 0)]).unwrap();
    assert_eq!(store.variations(&images[0].id).unwrap(), []);
    let found = store.variations(&images[1].id).unwrap();
    assert_eq!((found[0].0.id.as_str(), found[0].1.len()), (variation.id.as_str(), 1));
    assert_eq!(generations(&store, "ann", (0, 10)).len(), 1, "no generation of its own");
    store.delete_generation("ann", &generation.id).unwrap();
    assert_eq!(store.generation("ann", &variation.id).unwrap(), None);
    assert_eq!(files(&store), [""; 0]);
    assert_sound(&store);
}

#[test]
fn a_copy_has_input_pictures_too() {
    let (folder, store) = store();
    let (used, generation) = (received(&store, "ann"), pending("ann"));
    store.begin(&generation, &[&used.id]).unwrap();
    let target = tempfile::tempdir().unwrap();
    let copied = backup(folder.path(), target.path(), &mut |_| true).unwrap();
    assert_eq!((copied.pictures, copied.generations), (1, 1));
    let again = Store::open(target.path(), None).unwrap();
    assert_eq!(
        again.input("ann", &used.id).unwrap(),
        Some(Input::Here(store.image(&used.id).unwrap().unwrap()))
    );
    assert_sound(&again);
}

#[test]
fn nobody_has_millions_of_pictures_that_are_not_used() {
    let (_folder, store) = store();
    let used = received(&store, "ann");
    store.begin(&pending("ann"), &[&used.id]).unwrap();
    let unused = received(&store, "ann");
    let mut many: Vec<Upload> = (0..9_999).map(|_| announced("ann")).collect();
    let last = many.pop().unwrap();
    store.announce(&many).unwrap();
    store.announce(std::slice::from_ref(&last)).unwrap();
    let one_more = || store.announce(&[announced("ann")]).map_err(|problem| (problem.status, problem.code));
    assert_eq!(one_more(), Err((429, "too_many_uploads")));
    store.announce(&[announced("bob")]).unwrap();
    assert!(store.receive(arriving(&last)).unwrap(), "what was announced may come");
    assert_eq!(one_more(), Err((429, "too_many_uploads")), "it counts as before");
    assert!(store.delete_input("ann", &unused.id).unwrap());
    assert_eq!(one_more(), Ok(()));
}

#[test]
fn what_does_not_fit_is_still_expected() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Some(1 << 20)).unwrap();
    let upload = announced("ann");
    store.announce(std::slice::from_ref(&upload)).unwrap();
    let large = NewImage { bytes: vec![7; 2 << 20].into(), ..arriving(&upload) };
    assert_eq!(store.receive(large).unwrap_err().code, "storage_full");
    assert_eq!(files(&store), [""; 0]);
    assert!(store.receive(arriving(&upload)).unwrap());
    assert_sound(&store);
}

#[test]
fn a_damaged_database_gives_its_input_pictures_back_with_their_uses() {
    let (folder, store) = store();
    let (waiting, unused, used) = (announced("ann"), received(&store, "ann"), received(&store, "ann"));
    store.announce(std::slice::from_ref(&waiting)).unwrap();
    let generation = pending("ann");
    store.begin(&generation, &[&used.id]).unwrap();
    let kept = [unused, used].map(|image| store.image(&image.id).unwrap().unwrap());
    drop(store);
    // A page that holds none of their rows: an index of images.
    let file = folder.path().join("fulmen.db");
    let page = index_page(&file);
    let mut bytes = fs::read(&file).unwrap();
    bytes[page..page + 64].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    assert!(Store::open(folder.path(), None).unwrap_err().to_string().contains("damaged"));
    let accepting = Opening { accept_loss: true, ..Opening::default() };
    let store = Store::open_with(folder.path(), accepting).unwrap();
    assert_sound(&store);
    for image in &kept {
        assert_eq!(store.input("ann", &image.id).unwrap(), Some(Input::Here(image.clone())));
    }
    assert_eq!(store.input("ann", &waiting.id).unwrap(), Some(Input::Coming(waiting.clone())));
    assert!(store.receive(arriving(&waiting)).unwrap());
    // What is used stays, what is not goes in its time.
    assert_eq!(store.sweep(Timestamp::now() + UNUSED + UNUSED).unwrap(), 2);
    assert_eq!(store.image(&kept[1].id).unwrap().as_ref(), Some(&kept[1]));
}

/// Where the page of an index begins.
fn index_page(file: &Path) -> usize {
    let db = rusqlite::Connection::open(file).unwrap();
    let size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'images_expiring'";
    let page: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
    ((page - 1) * size) as usize
}

/// Many send, use and delete while others sweep; what was acknowledged is there at the end, and after a crash.
#[test]
fn a_crowd_that_sends_uses_and_deletes_leaves_what_it_was_promised() {
    let (folder, store) = store();
    let kept: Vec<Image> = std::thread::scope(|scope| {
        let one = |owner: &'static str| {
            let store = &store;
            scope.spawn(move || {
                (0..12).filter_map(|turn| sent_used_or_deleted(store, owner, turn)).collect::<Vec<_>>()
            })
        };
        let crowd = ["ann", "bob", "cid", "dee"].map(one);
        for _ in 0..8 {
            store.tidy().unwrap();
            std::thread::yield_now();
        }
        crowd.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(kept.len(), 4 * 8);
    let after = crashed(&folder);
    for store in [&store, &Store::open(after.path(), None).unwrap()] {
        assert_sound(store);
        assert_eq!(files(store).len(), kept.len());
        for image in &kept {
            let Some(Input::Here(found)) = store.input(&image.owner, &image.id).unwrap() else {
                panic!("{} is gone", image.id)
            };
            assert_eq!(store.bytes(&found).unwrap().len() as u64, image.size);
        }
    }
}

/// A picture comes, twice at once; of three one is used and one deleted. It, where it stays.
fn sent_used_or_deleted(store: &Store, owner: &'static str, turn: usize) -> Option<Image> {
    let upload = announced(owner);
    store.announce(std::slice::from_ref(&upload)).unwrap();
    let came = std::thread::scope(|scope| {
        let twice = [0, 1].map(|_| scope.spawn(|| store.receive(arriving(&upload)).unwrap()));
        twice.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>()
    });
    assert_eq!(came, 1, "a picture comes once");
    match turn % 3 {
        0 => store.begin(&pending(owner), &[&upload.id]).unwrap(),
        1 => {
            assert!(store.delete_input(owner, &upload.id).unwrap());
            return None;
        }
        _ => {}
    }
    store.image(&upload.id).unwrap()
}
