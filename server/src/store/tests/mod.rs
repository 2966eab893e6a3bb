mod attempts;
mod backup;
mod copies;
mod crash;
mod damage;
mod full;
mod generations;
mod images;
mod listing;
mod loss;
mod model;
mod opening;
mod presence;
mod quota;
mod speed;
mod upgrade;
mod uploads;
mod waits;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fulmen_engine::picture::Format;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;

use super::record::Neighbours;
use super::{Generation, Image, ImageKind, InputKind, NewImage, State, Store, new_image_id, new_uuid};

/// A store in a folder of its own, which goes when it is dropped.
fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    (folder, store)
}

/// The owner's generations of a page.
fn generations(store: &Store, owner: &str, page: (usize, usize)) -> Vec<(Generation, Vec<Image>)> {
    let mut found = vec![];
    store.each_generation(owner, page, |generation, images| found.push((generation, images))).unwrap();
    found
}

/// A small named image of this owner, whose bytes are like no other's.
fn named(owner: &str) -> NewImage {
    let id = new_image_id();
    let bytes = format!("the picture of {id}").into_bytes();
    let (kind, name, format) = (ImageKind::Named, "A cat".to_owned(), Format::Png);
    NewImage {
        id,
        owner: owner.into(),
        kind,
        name,
        width: 64,
        height: 48,
        format,
        bytes: bytes.into(),
        seed: 7,
        expires_at: None,
        public: false,
    }
}

/// This many bytes.
fn sized(owner: &str, bytes: usize) -> NewImage {
    NewImage { bytes: vec![7; bytes].into(), ..named(owner) }
}

/// An image behind a link that expires so many seconds from now.
fn link(owner: &str, seconds: i64) -> NewImage {
    let expires_at = Some(Timestamp::now() + SignedDuration::from_secs(seconds));
    NewImage { kind: ImageKind::Link, expires_at, ..named(owner) }
}

fn pending(owner: &str) -> Generation {
    Generation {
        id: new_uuid(),
        owner: owner.into(),
        created_at: Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap(),
        state: State::Pending,
        request: json!({"prompt": "a cat", "num_images": 2}),
        spec: json!({"seed": 9_999_999_998u64}),
        inference_steps: None,
        attempts: 0,
        failure: None,
        variation_of: None,
    }
}

/// A picture of a generation.
fn part(of: &Generation, position: usize) -> NewImage {
    NewImage {
        id: new_uuid(),
        kind: ImageKind::Generation { id: of.id.clone(), position },
        ..named(&of.owner)
    }
}

fn add(store: &Store, image: NewImage) -> Image {
    store.add(vec![image]).unwrap().pop().unwrap()
}

/// Every file under a folder with its bytes, but for the lock and SQLite's shared memory, which hold no data.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if !path.ends_with("lock") && !path.ends_with("fulmen.db-shm") {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

/// The picture files, by name.
fn files(store: &Store) -> Vec<String> {
    let mut names: Vec<String> =
        store.pictures.list().unwrap().whole.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}
