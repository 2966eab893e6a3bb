use super::*;

/// The ids of a page.
fn ids(images: &[Image]) -> Vec<String> {
    images.iter().map(|image| image.id.clone()).collect()
}

#[test]
fn named_images_are_listed_newest_first_and_no_others() {
    let (_folder, store) = store();
    let mut all: Vec<String> = (0..5).map(|_| add(&store, named("ann")).id).collect();
    // All of one call have the same time.
    all.extend(store.add((0..5).map(|_| named("ann")).collect()).unwrap().into_iter().map(|image| image.id));
    add(&store, link("ann", 60));
    add(&store, named("bob"));
    all.reverse();
    assert_eq!(ids(&store.named("ann", None, 100).unwrap().0), all);
}

#[test]
fn pages_neither_overlap_nor_leave_any_out_in_both_directions() {
    let (_folder, store) = store();
    // Ties of the time lie across the pages.
    let all = store.add((0..23).map(|_| named("ann")).collect()).unwrap();
    let newest: Vec<String> = all.iter().rev().map(|image| image.id.clone()).collect();
    for take in [1, 4, 5, 22, 23, 24] {
        let (mut seen, mut firsts, mut from) = (vec![], vec![], None);
        loop {
            let (page, neighbours) = store.named("ann", from.as_deref(), take).unwrap();
            seen.extend(ids(&page));
            firsts.push(page[0].id.clone());
            let before = firsts.len().checked_sub(2).map(|at| firsts[at].clone());
            assert_eq!(neighbours.previous, before, "take {take}");
            from = neighbours.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(seen, newest, "take {take}");
    }
}

#[test]
fn the_page_before_a_page_in_the_middle_begins_at_the_newest_at_most() {
    let (_folder, store) = store();
    let all = store.add((0..5).map(|_| named("ann")).collect()).unwrap();
    let (page, neighbours) = store.named("ann", Some(&all[2].id), 10).unwrap();
    assert_eq!(ids(&page), [&all[2].id, &all[1].id, &all[0].id].map(Clone::clone));
    assert_eq!(neighbours, Neighbours { previous: Some(all[4].id.clone()), next: None });
}

#[test]
fn an_empty_listing_has_no_neighbours() {
    let (_folder, store) = store();
    assert_eq!(store.named("ann", None, 10).unwrap(), (vec![], Neighbours::default()));
}

#[test]
fn a_page_begins_only_with_a_named_image_of_the_owner() {
    let (_folder, store) = store();
    add(&store, named("ann"));
    let deleted = add(&store, named("ann"));
    store.delete("ann", &deleted.id).unwrap();
    for id in [add(&store, named("bob")).id, add(&store, link("ann", 60)).id, deleted.id, "' OR 1=1".into()] {
        let problem = store.named("ann", Some(&id), 10).unwrap_err();
        assert_eq!((problem.status, problem.field.as_deref()), (400, Some("from")), "{id}");
    }
}

#[test]
fn a_page_of_any_length_is_answered() {
    let (_folder, store) = store();
    add(&store, named("ann"));
    for take in [0, 1, usize::MAX] {
        assert_eq!(store.named("ann", None, take).unwrap().0.len(), 1);
    }
}

#[test]
fn a_deletion_between_two_pages_leaves_none_of_the_rest_out() {
    let (_folder, store) = store();
    let all = store.add((0..6).map(|_| named("ann")).collect()).unwrap();
    let (page, neighbours) = store.named("ann", None, 2).unwrap();
    store.delete("ann", &page[1].id).unwrap();
    add(&store, named("ann"));
    let (page, _) = store.named("ann", neighbours.next.as_deref(), 2).unwrap();
    assert_eq!(ids(&page), [&all[3].id, &all[2].id].map(Clone::clone));
}
