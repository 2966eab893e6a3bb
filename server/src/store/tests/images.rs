use super::*;
use crate::store::pictures::on_disk;

#[test]
fn what_was_added_is_read_back_as_it_was() {
    let (_folder, store) = store();
    let new = NewImage { seed: u64::MAX, ..named("ann") };
    let (id, bytes) = (new.id.clone(), new.bytes.clone());
    let added = add(&store, new);
    assert_eq!(store.image(&id).unwrap(), Some(added.clone()));
    assert_eq!(store.bytes(&added).unwrap(), bytes);
    assert_eq!((added.size, added.seed, added.public), (bytes.len() as u64, u64::MAX, false));
}

#[test]
fn every_kind_and_format_is_read_back() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        for new in [named("ann"), link("ann", 60), part(&generation, 3)] {
            let added = add(&store, NewImage { format, ..new });
            assert_eq!(store.image(&added.id).unwrap(), Some(added));
        }
    }
}

#[test]
fn an_added_image_is_there_after_a_restart() {
    let (folder, store) = store();
    let added = add(&store, named("ann"));
    let bytes = store.bytes(&added).unwrap();
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.image(&added.id).unwrap(), Some(added.clone()));
    assert_eq!(store.bytes(&added).unwrap(), bytes);
    assert_eq!(store.quota.kept(), on_disk(bytes.len() as u64));
}

#[test]
fn several_images_are_added_all_or_none() {
    let (_folder, store) = store();
    let first = named("ann");
    // An id that is there already refuses the row, in the middle of the transaction.
    let twice = NewImage { id: first.id.clone(), ..named("ann") };
    let problem = store.add(vec![first, named("ann"), twice]).unwrap_err();
    assert_eq!(problem.status, 500);
    assert_eq!(store.named("ann", None, 10).unwrap().0, vec![]);
    assert_eq!(files(&store), Vec::<String>::new(), "no file stays behind");
    assert_eq!(store.quota.kept(), 0);
}

#[test]
fn an_empty_list_is_added_as_nothing() {
    let (_folder, store) = store();
    assert_eq!(store.add(vec![]).unwrap(), vec![]);
}

#[test]
fn a_name_from_a_client_never_becomes_a_file_name() {
    let (folder, store) = store();
    let evil = "../../../etc/passwd\0/..\\evil";
    let new = NewImage { id: evil.into(), name: evil.into(), owner: evil.into(), ..named("ann") };
    let added = add(&store, new);
    assert_eq!(store.image(evil).unwrap(), Some(added));
    let known = ["fulmen.db", "fulmen.db-wal", "spare"].map(|name| folder.path().join(name));
    for path in contents(folder.path()).into_keys().filter(|path| !known.contains(path)) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", path.display());
        assert_eq!(path.parent().unwrap().parent().unwrap(), folder.path().join("pictures"));
    }
}

#[test]
fn owners_have_only_their_own() {
    let (_folder, store) = store();
    let image = add(&store, named("ann"));
    assert_eq!(store.owned("ann", &image.id).unwrap(), image);
    let no = [
        store.owned("bob", &image.id).unwrap_err(),
        store.publish("bob", &image.id, true).unwrap_err(),
        store.delete("bob", &image.id).unwrap_err(),
        store.delete("ann", "image_there_is_no_such_image").unwrap_err(),
    ];
    assert!(no.iter().all(|problem| *problem == no[0] && problem.status == 404), "{no:?}");
    assert_eq!(store.named("bob", None, 10).unwrap().0, vec![]);
    assert_eq!(store.image(&image.id).unwrap(), Some(image), "nothing changed");
}

#[test]
fn an_image_is_published_and_unpublished() {
    let (folder, store) = store();
    let image = add(&store, named("ann"));
    for public in [true, true, false, false, true] {
        let changed = store.publish("ann", &image.id, public).unwrap();
        assert_eq!(changed, Image { public, ..image.clone() });
        assert_eq!(store.image(&image.id).unwrap(), Some(changed));
    }
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert!(store.image(&image.id).unwrap().unwrap().public);
}

#[test]
fn a_deleted_image_is_gone_with_its_file() {
    let (_folder, store) = store();
    let image = add(&store, named("ann"));
    let other = add(&store, named("ann"));
    store.delete("ann", &image.id).unwrap();
    assert_eq!(store.image(&image.id).unwrap(), None);
    assert_eq!(store.bytes(&image).unwrap_err().status, 404, "who looked it up before finds it gone");
    assert_eq!(store.delete("ann", &image.id).unwrap_err().status, 404);
    assert_eq!(files(&store), vec![other.file.clone()]);
    assert_eq!(store.quota.kept(), on_disk(other.size));
}

#[test]
fn half_a_file_is_never_given_out() {
    let (_folder, store) = store();
    let image = add(&store, named("ann"));
    fs::write(store.pictures.path(&image.file), b"half").unwrap();
    assert_eq!(store.bytes(&image).unwrap_err().status, 500);
}

#[test]
fn ids_are_random_letters_and_digits() {
    let ids: Vec<String> = (0..2_000).map(|_| new_image_id()).collect();
    let mut counts = BTreeMap::new();
    for id in &ids {
        let random = id.strip_prefix("image_").unwrap();
        assert_eq!(random.len(), 24, "{id}");
        random.bytes().for_each(|byte| *counts.entry(byte).or_insert(0) += 1);
    }
    assert_eq!(counts.len(), 36, "{counts:?}");
    // 48,000 characters: 1,333 of each, give or take 36 (one sigma).
    assert!(counts.values().all(|count| (1_133..1_533).contains(count)), "{counts:?}");
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
}

#[test]
fn what_expired_is_swept_and_nothing_else() {
    let (_folder, store) = store();
    let named = add(&store, named("ann"));
    let later = add(&store, link("ann", 3_600));
    let gone: Vec<Image> = (0..100).map(|_| add(&store, link("ann", -1))).collect();
    assert_eq!(store.sweep(Timestamp::now()).unwrap(), gone.len());
    assert_eq!(store.sweep(Timestamp::now()).unwrap(), 0);
    let mut left = vec![named.file.clone(), later.file.clone()];
    left.sort();
    assert_eq!(files(&store), left);
    assert_eq!(store.quota.kept(), on_disk(named.size) + on_disk(later.size));
    assert_eq!(store.image(&gone[0].id).unwrap(), None);
    assert_eq!(store.sweep(later.expires_at.unwrap()).unwrap(), 1, "at its very time it is over");
}
