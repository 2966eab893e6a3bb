//! Killed at any moment, the server keeps what it acknowledged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::server::{Server, delete, get, post};

/// How often the server is killed.
const KILLS: u64 = 50;

/// Everything that the server acknowledged.
#[derive(Default)]
struct Acknowledged {
    images: Mutex<BTreeSet<String>>,
    deleted: Mutex<BTreeSet<String>>,
    generations: Mutex<BTreeSet<String>>,
    links: Mutex<Vec<String>>,
}

impl Acknowledged {
    fn counts(&self) -> (usize, usize, usize, usize) {
        let of = |set: &Mutex<BTreeSet<String>>| set.lock().unwrap().len();
        (of(&self.images), of(&self.deleted), of(&self.generations), self.links.lock().unwrap().len())
    }

    fn is_enough(&self) -> bool {
        let (images, deleted, generations, links) = self.counts();
        images > 20 && deleted > 5 && generations > 10 && links > 20
    }
}

/// Numbers that differ from run to run, and are printed by a failure.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        // SplitMix64, so that seeds in a row give rows that differ.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

#[test]
fn killed_fifty_times_under_load_it_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    println!("dice: {seed}");
    let mut dice = Dice(seed.into());
    let known = Acknowledged::default();
    // A busy machine acknowledges less between two kills, so that there are more of them.
    for round in (0..3 * KILLS).take_while(|round| *round < KILLS || !known.is_enough()) {
        let mut server = Server::start(folder.path(), &["--queue", "64"]);
        let url = server.url.clone();
        check_some(&server, &known, &mut dice);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for worker in 0..4 {
                let (url, known, stop) = (&url, &known, &stop);
                let dice = Dice(u64::from(seed) + round * 4 + worker);
                scope.spawn(move || load(url, known, stop, dice));
            }
            // From the middle of the first request to some pictures later.
            thread::sleep(Duration::from_millis(20 + dice.throw(600)));
            server.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }
    let mut server = Server::start(folder.path(), &["--queue", "64"]);
    check_all(&server, &known);
    let log = server.log();
    server.kill();
    assert!(!log.contains("panicked") && !log.contains("status=5"), "{log}");
    check_files(folder.path());
}

/// Asks for this and that until the server is gone.
fn load(url: &str, known: &Acknowledged, stop: &AtomicBool, mut dice: Dice) {
    while !stop.load(Ordering::Relaxed) {
        // Few generations: all that a kill leaves are drawn again, before anything else.
        let one = match dice.throw(10) {
            0 => generation(url, known),
            1..5 => named(url, known),
            5..8 => link(url, known),
            _ => deletion(url, known, &mut dice),
        };
        if one.is_err() {
            return;
        }
    }
}

fn named(url: &str, known: &Acknowledged) -> Result<(), ureq::Error> {
    let asked = json!({"name": "crash", "prompt": "a red circle", "width": 64, "height": 64, "steps": 1});
    let answer = post(&format!("{url}/v1/images/imagine"), &asked)?;
    if answer.status == 201 {
        known.images.lock().unwrap().insert(answer.json()["id"].as_str().unwrap().to_owned());
    }
    Ok(())
}

fn generation(url: &str, known: &Acknowledged) -> Result<(), ureq::Error> {
    let asked = json!({"prompt": "a red circle", "num_images": 2, "width": 64, "height": 64});
    let answer = post(&format!("{url}/generations"), &asked)?;
    if answer.status == 200 {
        let id = answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
        known.generations.lock().unwrap().insert(id);
    }
    Ok(())
}

fn link(url: &str, known: &Acknowledged) -> Result<(), ureq::Error> {
    let asked = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    let answer = post(&format!("{url}/v1/images/generations"), &asked)?;
    if answer.status == 200 {
        let link = answer.json()["data"][0]["url"].as_str().unwrap().to_owned();
        let path = link.split_once("/files/").unwrap().1.to_owned();
        known.links.lock().unwrap().push(path);
    }
    Ok(())
}

fn deletion(url: &str, known: &Acknowledged, dice: &mut Dice) -> Result<(), ureq::Error> {
    let id = {
        let mut images = known.images.lock().unwrap();
        let count = images.len() as u64;
        // One that is being deleted is promised neither to be there nor to be gone.
        let Some(id) = (count > 20).then(|| images.iter().nth(dice.throw(count) as usize).unwrap().clone())
        else {
            return Ok(());
        };
        images.remove(&id);
        id
    };
    if delete(&format!("{url}/v1/images/{id}"))?.status == 204 {
        known.deleted.lock().unwrap().insert(id);
    }
    Ok(())
}

/// A few of each kind, so that a loss is seen soon.
fn check_some(server: &Server, known: &Acknowledged, dice: &mut Dice) {
    let pick = |of: &Mutex<BTreeSet<String>>, dice: &mut Dice| {
        let of = of.lock().unwrap();
        let count = of.len() as u64;
        (count > 0).then(|| of.iter().nth(dice.throw(count) as usize).unwrap().clone())
    };
    for _ in 0..3 {
        pick(&known.images, dice).iter().for_each(|id| check_image(server, id));
        pick(&known.deleted, dice).iter().for_each(|id| check_deleted(server, id));
        let id = pick(&known.generations, dice);
        id.iter().for_each(|id| assert!(!generation_of(server, id).is_null(), "{id} is lost"));
    }
}

fn check_all(server: &Server, known: &Acknowledged) {
    let counts = known.counts();
    println!("acknowledged: (images, deleted, generations, links) = {counts:?}");
    assert!(known.is_enough(), "too little load: {counts:?}");
    let images = known.images.lock().unwrap();
    let deleted = known.deleted.lock().unwrap();
    let generations = known.generations.lock().unwrap();
    let links = known.links.lock().unwrap();
    images.iter().for_each(|id| check_image(server, id));
    deleted.iter().for_each(|id| check_deleted(server, id));
    links
        .iter()
        .for_each(|path| check_png(&get(&format!("{}/files/{path}", server.url)).unwrap().body, path));
    check_generations(server, &generations);
}

/// Each has its pictures in the end, but for those in whose middle the server was killed twice.
fn check_generations(server: &Server, generations: &BTreeSet<String>) {
    let end = Instant::now() + Duration::from_secs(60);
    let mut given_up = 0;
    for id in generations {
        let mut found = generation_of(server, id);
        while found["status"] == "PENDING" {
            assert!(Instant::now() < end, "{id} is pending for a minute");
            thread::sleep(Duration::from_millis(20));
            found = generation_of(server, id);
        }
        if found["status"] == "FAILED" {
            assert!(found["error"].as_str().unwrap().contains("ended twice"), "{found}");
            given_up += 1;
            continue;
        }
        let urls = found["generated_images"].as_array().unwrap();
        assert_eq!((&found["status"], urls.len()), (&json!("COMPLETE"), 2), "{found}");
        for image in urls {
            check_png(&get(image["url"].as_str().unwrap()).unwrap().body, id);
        }
    }
    // A kill ends one drawing at the most.
    assert!(given_up <= KILLS / 2, "{given_up} of {} were given up", generations.len());
}

fn generation_of(server: &Server, id: &str) -> serde_json::Value {
    server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone()
}

fn check_image(server: &Server, id: &str) {
    let record = server.get(&format!("/v1/images/{id}"));
    assert_eq!(record.status, 200, "{id} is lost");
    let file = server.get(&format!("/v1/images/{id}/download"));
    assert_eq!(record.json()["size"], file.body.len(), "{id}");
    check_png(&file.body, id);
}

fn check_deleted(server: &Server, id: &str) {
    assert_eq!(server.get(&format!("/v1/images/{id}")).status, 404, "{id} is back");
}

fn check_png(bytes: &[u8], of: &str) {
    let picture = image::load_from_memory_with_format(bytes, image::ImageFormat::Png);
    assert!(
        picture.is_ok_and(|picture| (picture.width(), picture.height()) == (64, 64)),
        "{of} is no whole picture"
    );
}

/// After all of it: only whole files.
fn check_files(data: &Path) {
    let mut folders = vec![data.join("pictures")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                check_png(&std::fs::read(&path).unwrap(), &path.display().to_string());
                files += 1;
            }
        }
    }
    println!("files: {files}");
    assert!(files > 50);
}
