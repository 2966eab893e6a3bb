use super::*;

#[test]
fn a_generation_is_kept_drawn_and_read_back() {
    let (folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    assert_eq!(store.generation("ann", &generation.id).unwrap(), Some((generation.clone(), vec![])));
    drop(store);
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.pending().unwrap(), vec![generation.clone()], "a restart draws it again");
    // Given in the wrong order, read in the right one.
    let parts = vec![part(&generation, 1), part(&generation, 0)];
    let ids = [parts[1].id.clone(), parts[0].id.clone()];
    assert!(store.complete(&generation.id, 4, parts).unwrap());
    let (complete, images) = store.generation("ann", &generation.id).unwrap().unwrap();
    assert_eq!(complete, Generation { state: State::Complete, inference_steps: Some(4), ..generation });
    assert_eq!(images.iter().map(|image| image.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(store.pending().unwrap(), vec![]);
}

#[test]
fn a_failed_generation_is_not_pending() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    store.fail(&generation.id, "no").unwrap();
    let (failed, images) = store.generation("ann", &generation.id).unwrap().unwrap();
    assert_eq!((failed.state, failed.failure.as_deref(), images), (State::Failed, Some("no"), vec![]));
    assert_eq!(store.pending().unwrap(), vec![]);
    assert!(!store.complete(&generation.id, 4, vec![part(&generation, 0)]).unwrap());
}

#[test]
fn pictures_of_a_generation_that_was_deleted_meanwhile_are_dropped() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    assert!(store.delete_generation("ann", &generation.id).unwrap());
    assert!(!store.complete(&generation.id, 4, vec![part(&generation, 0)]).unwrap());
    assert_eq!(files(&store), Vec::<String>::new());
    assert_eq!(store.quota.kept(), 0);
    store.fail(&generation.id, "no").unwrap();
}

#[test]
fn a_generation_is_completed_once() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    assert!(store.complete(&generation.id, 4, vec![part(&generation, 0)]).unwrap());
    assert!(!store.complete(&generation.id, 8, vec![part(&generation, 0)]).unwrap());
    store.fail(&generation.id, "no").unwrap();
    let (kept, images) = store.generation("ann", &generation.id).unwrap().unwrap();
    assert_eq!((kept.state, kept.inference_steps, images.len()), (State::Complete, Some(4), 1));
}

#[test]
fn pictures_and_state_are_kept_together_or_not_at_all() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    let first = part(&generation, 0);
    let twice = NewImage { id: first.id.clone(), ..part(&generation, 1) };
    assert_eq!(store.complete(&generation.id, 4, vec![first, twice]).unwrap_err().status, 500);
    assert_eq!(store.pending().unwrap(), vec![generation]);
    assert_eq!(files(&store), Vec::<String>::new());
}

#[test]
fn a_deleted_generation_takes_its_images_along() {
    let (_folder, store) = store();
    let (generation, other) = (pending("ann"), pending("ann"));
    for generation in [&generation, &other] {
        store.begin(generation, &[]).unwrap();
        store.complete(&generation.id, 4, vec![part(generation, 0), part(generation, 1)]).unwrap();
    }
    assert!(!store.delete_generation("bob", &generation.id).unwrap(), "it is not theirs");
    assert!(store.delete_generation("ann", &generation.id).unwrap());
    assert!(!store.delete_generation("ann", &generation.id).unwrap());
    assert_eq!(store.generation("ann", &generation.id).unwrap(), None);
    let (_, images) = store.generation("ann", &other.id).unwrap().unwrap();
    let mut left: Vec<String> = images.into_iter().map(|image| image.file).collect();
    left.sort();
    assert_eq!(files(&store), left);
}

#[test]
fn generations_are_listed_newest_first_for_their_owner_alone() {
    let (_folder, store) = store();
    let at = Timestamp::now();
    // Ties of the time are settled by the order of arrival.
    let all: Vec<Generation> = (0..7).map(|_| Generation { created_at: at, ..pending("ann") }).collect();
    all.iter().for_each(|generation| store.begin(generation, &[]).unwrap());
    store.begin(&pending("bob"), &[]).unwrap();
    let ids = |offset, limit| -> Vec<String> {
        generations(&store, "ann", (offset, limit)).into_iter().map(|(one, _)| one.id).collect()
    };
    let newest: Vec<String> = all.iter().rev().map(|one| one.id.clone()).collect();
    assert_eq!(ids(0, 100), newest);
    assert_eq!([ids(0, 3), ids(3, 3), ids(6, 3), ids(9, 3)].concat(), newest);
    assert_eq!(ids(usize::MAX, usize::MAX), Vec::<String>::new());
    let oldest: Vec<String> = store.pending().unwrap().into_iter().map(|one| one.id).take(7).collect();
    assert_eq!(oldest, all.iter().map(|one| one.id.clone()).collect::<Vec<_>>());
}

#[test]
fn another_owners_generation_is_not_found() {
    let (_folder, store) = store();
    let generation = pending("ann");
    store.begin(&generation, &[]).unwrap();
    assert_eq!(store.generation("bob", &generation.id).unwrap(), None);
}

#[test]
fn an_image_of_a_generation_that_is_not_there_is_refused() {
    let (_folder, store) = store();
    assert_eq!(store.add(vec![part(&pending("ann"), 0)]).unwrap_err().status, 500);
    assert_eq!(files(&store), Vec::<String>::new());
}
