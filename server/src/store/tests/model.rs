//! The store against a model of it, through random calls and crashes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::crash::{assert_sound, crashed};
use super::uploads::{announced, arriving};
use super::*;
use crate::store::{Input, UNUSED, Upload};

/// One call. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Call {
    Add(usize),
    Link(i64),
    Publish(usize, bool),
    Delete(usize),
    Announce,
    Receive(usize),
    DeleteInput(usize),
    /// From these pictures, if there are any.
    Begin(Vec<usize>),
    Complete(usize, usize),
    Fail(usize),
    DeleteGeneration(usize),
    Sweep,
    /// A day later: what nobody uses is gone.
    Later,
    Crash,
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (1usize..4).prop_map(Call::Add),
        2 => prop_oneof![Just(-5), Just(600)].prop_map(Call::Link),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(at, public)| Call::Publish(at, public)),
        2 => any::<usize>().prop_map(Call::Delete),
        2 => Just(Call::Announce),
        3 => any::<usize>().prop_map(Call::Receive),
        1 => any::<usize>().prop_map(Call::DeleteInput),
        3 => prop::collection::vec(any::<usize>(), 0..3).prop_map(Call::Begin),
        3 => (any::<usize>(), 0usize..4).prop_map(|(at, images)| Call::Complete(at, images)),
        1 => any::<usize>().prop_map(Call::Fail),
        1 => any::<usize>().prop_map(Call::DeleteGeneration),
        1 => Just(Call::Sweep),
        1 => Just(Call::Later),
        1 => Just(Call::Crash),
        1 => Just(Call::Restart),
    ]
}

/// What must be there.
#[derive(Default)]
struct Model {
    images: BTreeMap<String, Image>,
    generations: Vec<Generation>,
    /// Those that have not come.
    uploads: Vec<Upload>,
    /// Which generation is drawn from which pictures.
    uses: Vec<(String, String)>,
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

    /// A picture that has come, by what it is for.
    fn input(&self, at: usize) -> Option<String> {
        let is_input = |image: &&Image| matches!(image.kind, ImageKind::Input(_));
        let inputs: Vec<&Image> = self.images.values().filter(is_input).collect();
        Some(inputs.get(at.checked_rem(inputs.len())?)?.id.clone())
    }

    /// A generation is drawn from a picture: one that was sent stays as long as that.
    fn use_for(&mut self, generation: &str, id: &str) {
        if let Some(image) = self.images.get_mut(id).filter(|image| matches!(image.kind, ImageKind::Input(_)))
        {
            image.expires_at = None;
        }
        self.uses.push((generation.to_owned(), id.to_owned()));
    }

    /// It is gone: pictures that were sent and that no other uses have their time again.
    fn end_uses(&mut self, generation: &str) {
        let (ended, left) = std::mem::take(&mut self.uses).into_iter().partition(|(of, _)| of == generation);
        self.uses = left;
        for (_, id) in ended as Vec<(String, String)> {
            let is_used = self.uses.iter().any(|(_, other)| *other == id);
            if let Some(image) = self.images.get_mut(&id).filter(|_| !is_used)
                && matches!(image.kind, ImageKind::Input(_))
            {
                image.expires_at = Some(image.created_at + UNUSED);
            }
        }
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
        Call::Announce => {
            model.uploads.push(announced("ann"));
            store.announce(std::slice::from_ref(model.uploads.last().unwrap())).unwrap();
        }
        Call::Receive(at) => {
            let Some(at) = at.checked_rem(model.uploads.len()) else { return };
            let upload = model.uploads.remove(at);
            assert!(store.receive(arriving(&upload)).unwrap());
            assert!(!store.receive(arriving(&upload)).unwrap(), "once");
            model.keep(vec![store.owned("ann", &upload.id).unwrap()]);
        }
        Call::DeleteInput(at) => {
            let Some(id) = model.input(*at) else { return };
            assert!(store.delete_input("ann", &id).unwrap());
            model.images.remove(&id);
        }
        Call::Begin(from) => {
            let generation = pending("ann");
            let mut pictures: Vec<String> = from.iter().filter_map(|at| model.image(*at)).collect();
            pictures.extend(from.iter().filter_map(|at| model.input(*at)));
            pictures.sort_unstable();
            pictures.dedup();
            store.begin(&generation, &pictures.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            pictures.iter().for_each(|id| model.use_for(&generation.id, id));
            model.generations.push(generation);
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
            model.end_uses(&generation.id);
        }
        Call::Sweep => sweep(Timestamp::now(), store, model),
        Call::Later => sweep(Timestamp::now() + UNUSED + SignedDuration::from_mins(1), store, model),
        Call::Crash | Call::Restart => unreachable!("these need the folder"),
    }
}

fn sweep(now: Timestamp, store: &Store, model: &mut Model) {
    store.sweep(now).unwrap();
    store.forget_uploads(now).unwrap();
    model.images.retain(|_, image| image.expires_at.is_none_or(|at| at > now));
    model.uploads.retain(|upload| upload.expires_at > now);
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
    for upload in &model.uploads {
        assert_eq!(store.input("ann", &upload.id).unwrap(), Some(Input::Coming(upload.clone())));
    }
    let count = |sql| store.read(|db| Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?)).unwrap();
    assert_eq!(count("SELECT count(*) FROM uploads"), model.uploads.len() as i64);
    assert_eq!(count("SELECT count(*) FROM uses"), model.uses.len() as i64);
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
    fn what_was_acknowledged_survives_whatever_happens(calls in prop::collection::vec(call(), 1..60)) {
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
