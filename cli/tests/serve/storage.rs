//! What is kept has a limit, and a place that must be there: seen by those who ask.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, Stop, delete, get, post, refusal};

/// Bytes of everything in a folder, as a disk with blocks of 4 KiB keeps it.
fn on_the_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |path: &Path| match std::fs::metadata(path) {
        Ok(about) if about.is_dir() => 4_096 + on_the_disk(path),
        about => about.map_or(0, |about| about.len().next_multiple_of(4_096)),
    };
    entries.map(|entry| size(&entry.path())).sum()
}

fn small(prompt: &str) -> Value {
    json!({"prompt": prompt, "num_images": 1, "width": 64, "height": 64})
}

fn named() -> Value {
    json!({"name": "kept", "prompt": "a red circle", "width": 64, "height": 64, "steps": 1})
}

/// The status of a generation in the end.
fn ended(server: &Server, id: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone();
        if found["status"] != "PENDING" {
            return found;
        }
        assert!(Instant::now() < end, "{found}: {}", server.log());
        thread::sleep(Duration::from_millis(20));
    }
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).expect("it is counted");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[cfg(unix)]
#[test]
fn long_prompts_that_are_deleted_at_once_stay_within_the_limit() {
    const LIMIT: u64 = 4 << 20;
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &["--max-storage", "4M"]);
    let asked = small(&"\u{1f600}".repeat(32_000));
    let (mut most, mut taken) = (0, 0);
    for _ in 0..120 {
        let answer = server.post("/generations", &asked);
        if answer.status == 200 {
            taken += 1;
            let id = answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
            assert_eq!(delete(&format!("{}/generations/{id}", server.url)).unwrap().status, 200);
        } else {
            assert_eq!(
                (answer.status, &answer.json()["code"]),
                (503, &json!("unexpected")),
                "{}",
                answer.json()
            );
        }
        most = most.max(on_the_disk(data.path()));
    }
    assert!(taken > 5, "only {taken} were taken");
    assert!(most <= LIMIT, "{most} bytes on the disk");
    let stored = metric(&server, "fulmen_stored_bytes");
    assert!(stored > 0 && stored <= LIMIT, "{stored}");
    // What was deleted is given back.
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
    let left = on_the_disk(data.path());
    assert!(left < LIMIT / 4, "{left} bytes are left of nothing");
}

#[test]
fn one_whose_texts_need_more_than_there_is_refuses_nobody_else() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-storage", "1M"]);
    // Its picture has few pixels, and half a million bytes of text.
    let texts = "\u{1f600}".repeat(32_000);
    let greedy = json!({
        "prompt": texts, "negative_prompt": texts, "num_images": 2, "width": 64, "height": 64,
    });
    let answer = server.post("/generations", &greedy);
    assert_eq!(answer.status, 503, "{}", answer.json());
    assert!(answer.json()["error"].as_str().unwrap().contains("--max-storage"), "{}", answer.json());
    for _ in 0..2 {
        let answer = server.post("/generations", &small("a red circle"));
        assert_eq!(answer.status, 200, "{}", answer.json());
        let id = answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
        assert_eq!(ended(&server, &id)["status"], "COMPLETE");
    }
    // What is taken fits: its text stands in the file as a whole.
    drop(server);
    let server = Server::start(data.path(), &["--max-storage", "8M"]);
    let answer = server.post("/generations", &greedy);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
    let done = ended(&server, &id);
    assert_eq!(done["status"], "COMPLETE", "{}", server.log());
    let url = done["generated_images"][0]["url"].as_str().unwrap();
    let file = get(url).unwrap();
    assert!(file.body.len() > 120_000, "{} bytes: {}", file.body.len(), file.status);
}

/// A limit that was lowered while something waited: what can never fit fails alone, and others are served.
#[test]
fn a_generation_that_never_fits_fails_alone_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let asked = json!({"prompt": "a red circle", "num_images": 4, "width": 1536, "height": 1536});
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let answer = server.post("/generations", &asked);
            answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned()
        })
        .collect();
    server.kill();
    let server = Server::start(data.path(), &["--max-storage", "20M"]);
    for id in &ids {
        let failed = ended(&server, id);
        assert_eq!(failed["status"], "FAILED", "{failed}");
        assert!(failed["error"].as_str().unwrap().contains("--max-storage"), "{failed}");
    }
    assert_eq!(server.post("/v1/images/imagine", &named()).status, 201);
}

#[cfg(unix)]
#[test]
fn whatever_is_taken_away_from_under_a_server_is_told_at_once() {
    for name in ["", "fulmen.db", "lock", "pictures"] {
        let outer = tempfile::tempdir().unwrap();
        let data = outer.path().join("data");
        let server = Server::start(&data, &[]);
        assert_eq!(server.post("/v1/images/imagine", &named()).status, 201);
        assert_eq!(server.get("/readyz").status, 200);
        let path = if name.is_empty() { data.clone() } else { data.join(name) };
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        let answers = [
            server.get("/readyz"),
            server.post("/generations", &small("a red circle")),
            server.post("/v1/images/imagine", &named()),
            server.post("/v1/images/generations", &json!({"prompt": "a red circle", "size": "64x64"})),
        ];
        for answer in answers {
            let said = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status, 503, "{name:?}: {said}");
            assert!(said.contains("removed or replaced"), "{name:?}: {said}");
        }
        assert_eq!(server.get("/healthz").status, 200, "{name:?}");
    }
}

#[test]
fn a_second_server_is_refused_though_the_lock_was_removed() {
    let data = tempfile::tempdir().unwrap();
    let _first = Server::start(data.path(), &[]);
    std::fs::remove_file(data.path().join("lock")).unwrap();
    let (code, said) = refusal(data.path(), &[]);
    assert!(code == 1 && said.contains("another server uses it"), "{said}");
}

#[test]
fn while_another_program_holds_the_database_readers_are_served() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let id = server.post("/v1/images/imagine", &named()).json()["id"].as_str().unwrap().to_owned();
    let public =
        json!({"prompt": "a red circle", "width": 64, "height": 64, "num_images": 4, "public": true});
    let generation = server.post("/generations", &public).json()["sdGenerationJob"]["generationId"].clone();
    ended(&server, generation.as_str().unwrap());
    let me = server.get("/me").json()["user_details"][0]["user"]["id"].as_str().unwrap().to_owned();

    let other = rusqlite::Connection::open(data.path().join("fulmen.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let url = &server.url;
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(stop);
        for _ in 0..30 {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(get(&format!("{url}/readyz")).unwrap().status, 503);
                }
            });
        }
        thread::sleep(Duration::from_millis(100));
        let began = Instant::now();
        let paths = [
            format!("/v1/images/{id}"),
            format!("/v1/images/{id}/download"),
            format!("/generations/user/{me}"),
        ];
        for path in &paths {
            assert_eq!(get(&format!("{url}{path}")).unwrap().status, 200, "{path}");
        }
        let read = began.elapsed();
        let began = Instant::now();
        let refused = post(&format!("{url}/generations"), &small("a red circle")).unwrap();
        let written = began.elapsed();
        assert_eq!(refused.status, 503);
        assert!(read < Duration::from_secs(10), "readers waited for {read:?}");
        assert!(written < Duration::from_secs(10), "a writer waited for {written:?}");
    });
    drop(other);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(server.get("/readyz").status, 200);
}
