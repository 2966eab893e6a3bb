//! The store against a model of it, through random calls and crashes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::crash::{assert_sound, crashed};
use super::*;

/// One call. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Call {
    Add(usize),
    Link(i64),
    Publish(usize, bool),
    Delete(usize),
    Begin,
    Complete(usize, usize),
    Fail(usize),
    DeleteGeneration(usize),
    Sweep,
    Crash,
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (1usize..4).prop_map(Call::Add),
        2 => prop_oneof![Just(-5), Just(600)].prop_map(Call::Link),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(at, public)| Call::Publish(at, public)),
        2 => any::<usize>().prop_map(Call::Delete),
        3 => Just(Call::Begin),
        3 => (any::<usize>(), 0usize..4).prop_map(|(at, images)| Call::Complete(at, images)),
        1 => any::<usize>().prop_map(Call::Fail),
        1 => any::<usize>().prop_map(Call::DeleteGeneration),
        1 => Just(Call::Sweep),
        1 => Just(Call::Crash),
        1 => Just(Call::Restart),
    ]
}

/// What must be there.
#[derive(Default)]
struct Model {
    images: BTreeMap<String, Image>,
    generations: Vec<Generation>,
}

impl Model {
    fn image(&self, at: usize) -> Option<String> {
        let at = at.checked_rem(self.images.len())?;
        self.images.keys().nth(at).cloned()
    }

    fn generation(&mut self, at: usize) -> Option<&mut Generation> {
        let at = at.checked_rem(self.generations.len())?;
        self.generations.get_mut(at)
    }

    fn keep(&mut self, images: Vec<Image>) {
        self.images.extend(images.into_iter().map(|image| (image.id.clone(), image)));
    }

    fn of_generation(&self, generation: &Generation) -> Vec<Image> {
        let is_part =
            |image: &&Image| matches!(&image.kind, ImageKind::Generation { id, .. } if *id == generation.id);
        let position = |image: &Image| match image.kind {
            ImageKind::Generation { position, .. } => position,
            _ => 0,
        };
        let mut images: Vec<Image> = self.images.values().filter(is_part).cloned().collect();
        images.sort_by_key(position);
        images
    }
}

fn run(call: &Call, store: &Store, model: &mut Model) {
    match call {
        Call::Add(images) => model.keep(store.add((0..*images).map(|_| named("ann")).collect()).unwrap()),
        Call::Link(seconds) => model.keep(store.add(vec![link("ann", *seconds)]).unwrap()),
        Call::Publish(at, public) => {
            let Some(id) = model.image(*at) else { return };
            model.keep(vec![store.publish("ann", &id, *public).unwrap()]);
        }
        Call::Delete(at) => {
            let Some(id) = model.image(*at) else { return };
            store.delete("ann", &id).unwrap();
            model.images.remove(&id);
        }
        Call::Begin => {
            model.generations.push(pending("ann"));
            store.begin(model.generations.last().unwrap(), &[]).unwrap();
        }
        Call::Complete(at, images) => complete(*at, *images, store, model),
        Call::Fail(at) => {
            let Some(generation) = model.generation(*at) else { return };
            store.fail(&generation.id, "no").unwrap();
            if generation.state == State::Pending {
                (generation.state, generation.failure) = (State::Failed, Some("no".into()));
            }
        }
        Call::DeleteGeneration(at) => {
            let Some(generation) = model.generation(*at).cloned() else { return };
            assert!(store.delete_generation("ann", &generation.id).unwrap());
            model.of_generation(&generation).iter().for_each(|image| drop(model.images.remove(&image.id)));
            model.generations.retain(|other| other.id != generation.id);
        }
        Call::Sweep => {
            let now = Timestamp::now();
            store.sweep(now).unwrap();
            model.images.retain(|_, image| image.expires_at.is_none_or(|at| at > now));
        }
        Call::Crash | Call::Restart => unreachable!("these need the folder"),
    }
}

fn complete(at: usize, images: usize, store: &Store, model: &mut Model) {
    let Some(generation) = model.generation(at) else { return };
    let was_pending = generation.state == State::Pending;
    let parts = (0..images).map(|position| part(generation, position)).collect();
    assert_eq!(store.complete(&generation.id, 4, parts).unwrap(), was_pending);
    if was_pending {
        (generation.state, generation.inference_steps) = (State::Complete, Some(4));
        let id = generation.id.clone();
        model.keep(store.generation("ann", &id).unwrap().unwrap().1);
    }
}

fn assert_like(store: &Store, model: &Model) {
    assert_sound(store);
    for image in model.images.values() {
        assert_eq!(store.image(&image.id).unwrap().as_ref(), Some(image));
        assert_eq!(store.bytes(image).unwrap().len() as u64, image.size);
    }
    assert_eq!(files(store).len(), model.images.len());
    let pending: Vec<Generation> =
        model.generations.iter().filter(|one| one.state == State::Pending).cloned().collect();
    assert_eq!(store.pending().unwrap(), pending);
    let mut expected: Vec<(Generation, Vec<Image>)> =
        model.generations.iter().map(|one| (one.clone(), model.of_generation(one))).collect();
    expected.reverse();
    assert_eq!(generations(store, "ann", (0, 1_000)), expected);
}

/// A folder that needs no disk, where there is such a thing: thousands of syncs take their time.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_whatever_happens(calls in prop::collection::vec(call(), 1..40)) {
        let mut folder = in_memory();
        let mut store = Store::open(folder.path(), None).unwrap();
        let mut model = Model::default();
        for call in &calls {
            match call {
                Call::Crash => {
                    let after = crashed(&folder);
                    store = Store::open(after.path(), None).unwrap();
                    folder = after;
                    assert_like(&store, &model);
                }
                Call::Restart => {
                    drop(store);
                    store = Store::open(folder.path(), None).unwrap();
                    assert_like(&store, &model);
                }
                call => run(call, &store, &mut model),
            }
        }
        assert_like(&store, &model);
    }
}
