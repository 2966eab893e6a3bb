//! What a server does with what an earlier one left: drawings that ended it, records and pictures that do not match,
//! and a database that was closed.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, refusal};

/// Asks until an answer pleases, for a minute.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn begin(server: &Server, asked: &Value) -> String {
    let answer = server.post("/generations", asked);
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned()
}

fn generation(server: &Server, id: &str) -> Value {
    server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone()
}

/// The generation once it is not pending any more.
fn ended(server: &Server, id: &str) -> Value {
    wait_for(id, || Some(generation(server, id)).filter(|found| found["status"] != "PENDING"))
}

fn is_drawn_now(server: &Server, id: &str) -> bool {
    let jobs = server.get("/v1/jobs").json();
    let jobs = jobs["data"].as_array().cloned().unwrap_or_default();
    jobs.iter().any(|job| job["id"] == id && job["status"] == "running")
}

/// A named image that is small.
fn image(server: &Server) -> String {
    let asked = json!({"name": "kept", "prompt": "a red circle", "width": 64, "height": 64, "steps": 1});
    let answer = server.post("/v1/images/imagine", &asked);
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn downloads(server: &Server, id: &str) -> bool {
    server.get(&format!("/v1/images/{id}/download")).status == 200
}

fn large() -> Value {
    json!({"prompt": "a red circle", "num_images": 4, "width": 1536, "height": 1536})
}

fn small() -> Value {
    json!({"prompt": "a red circle", "num_images": 1, "width": 64, "height": 64})
}

/// Whether SQLite's other files lie beside the database.
fn has_log(data: &Path) -> bool {
    data.join("fulmen.db-wal").exists() || data.join("fulmen.db-shm").exists()
}

#[test]
fn a_generation_that_ended_the_server_twice_fails_with_a_sentence_and_harms_no_other() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let poison = begin(&server, &large());
    let innocent = begin(&server, &small());
    for death in 1..=2 {
        wait_for("it is drawn", || is_drawn_now(&server, &poison).then_some(()));
        server.kill();
        server = Server::start(data.path(), &[]);
        // One that only waited is not to blame, and is not kept waiting behind it.
        assert_eq!(ended(&server, &innocent)["status"], "COMPLETE", "after death {death}: {}", server.log());
    }
    let failed = ended(&server, &poison);
    assert_eq!(failed["status"], "FAILED", "{}", server.log());
    assert!(failed["error"].as_str().unwrap().contains("ended twice"), "{failed}");
    assert_eq!(failed["generated_images"], json!([]));
    assert!(server.logs("it is given up"), "{}", server.log());
    // It stays so, and others are drawn.
    server.kill();
    let server = Server::start(data.path(), &[]);
    assert_eq!(generation(&server, &poison)["status"], "FAILED");
    assert_eq!(ended(&server, &begin(&server, &small()))["status"], "COMPLETE");
}

#[test]
fn a_death_counts_only_in_the_middle_of_the_drawing() {
    let data = tempfile::tempdir().unwrap();
    let id = begin(&Server::start(data.path(), &[]), &large());
    for _ in 0..3 {
        // Killed while it waits for others, or ended in an orderly way.
        let mut server = Server::start(data.path(), &[]);
        #[cfg(unix)]
        server.terminate();
        #[cfg(not(unix))]
        server.kill();
    }
    let server = Server::start(data.path(), &[]);
    assert_eq!(ended(&server, &id)["status"], "COMPLETE");
}

#[cfg(unix)]
#[test]
fn twenty_stops_of_twenty_leave_one_file_as_the_database() {
    let data = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let mut server = Server::start(data.path(), &[]);
        assert!(has_log(data.path()));
        image(&server);
        // Sometimes nothing is to be done any more, sometimes much.
        (0..round % 4).for_each(|_| drop(begin(&server, &small())));
        let (code, _) = server.terminate();
        assert_eq!(code, Some(0), "{}", server.log());
        assert!(!has_log(data.path()), "stop {round}: {}", server.log());
    }
    let copy = tempfile::tempdir().unwrap();
    for part in ["fulmen.db", "pictures"] {
        let mut copied = std::process::Command::new("cp");
        copied.arg("-a").arg(data.path().join(part)).arg(copy.path());
        assert!(copied.status().unwrap().success());
    }
    let server = Server::start(copy.path(), &[]);
    let images = server.get("/v1/images?take=100").json();
    assert_eq!(images["data"].as_array().map(Vec::len), Some(20), "{images}");
}

#[test]
fn a_server_that_cannot_listen_closes_the_database_too() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let (code, said) = refusal(data.path(), &["--listen", &at]);
    assert_eq!(code, 1, "{said}");
    assert!(!has_log(data.path()));
}

#[test]
fn pictures_that_are_not_there_refuse_the_start_and_come_back_whole() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let ids: Vec<String> = (0..3).map(|_| image(&server)).collect();
    server.kill();
    let (pictures, away) = (data.path().join("pictures"), data.path().join("away"));
    std::fs::rename(&pictures, &away).unwrap();
    std::fs::create_dir(&pictures).unwrap();
    let (code, said) = refusal(data.path(), &[]);
    assert_eq!(code, 1, "{said}");
    for word in ["3 of 3 records", "not mounted", "--accept-loss", "Nothing was changed"] {
        assert!(said.contains(word), "{said} does not say {word}");
    }
    // The disk is mounted: all is there.
    std::fs::remove_dir(&pictures).unwrap();
    std::fs::rename(&away, &pictures).unwrap();
    let mut server = Server::start(data.path(), &[]);
    assert!(ids.iter().all(|id| downloads(&server, id)));
    server.kill();

    // The loss is accepted: told, moved aside, and nothing is deleted.
    std::fs::rename(&pictures, &away).unwrap();
    let mut server = Server::start(data.path(), &["--accept-loss"]);
    let log = server.log();
    assert!(log.contains("3 records") && log.contains(data.path().join("lost").to_str().unwrap()), "{log}");
    assert!(ids.iter().all(|id| server.get(&format!("/v1/images/{id}")).status == 404));
    let new = image(&server);
    server.kill();
    // What comes back late comes back all the same.
    for folder in std::fs::read_dir(&away).unwrap() {
        let folder = folder.unwrap();
        std::fs::create_dir_all(pictures.join(folder.file_name())).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            std::fs::rename(file.path(), pictures.join(folder.file_name()).join(file.file_name())).unwrap();
        }
    }
    let server = Server::start(data.path(), &[]);
    assert!(ids.iter().chain([&new]).all(|id| downloads(&server, id)), "{}", server.log());
}

#[test]
fn an_older_database_refuses_the_start_and_deletes_no_newer_picture() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    image(&server);
    image(&server);
    server.kill();
    let older = tempfile::tempdir().unwrap();
    let names = ["fulmen.db", "fulmen.db-wal"];
    let copy = |from: &Path, to: &Path| {
        for name in names {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    };
    copy(data.path(), older.path());
    let mut server = Server::start(data.path(), &[]);
    let newer: Vec<String> = (0..3).map(|_| image(&server)).collect();
    server.kill();
    let newest = tempfile::tempdir().unwrap();
    copy(data.path(), newest.path());
    copy(older.path(), data.path());
    let (code, said) = refusal(data.path(), &[]);
    assert!(code == 1 && said.contains("3 of 5 pictures"), "{said}");
    assert!(said.contains("older") && said.contains("--accept-loss"), "{said}");
    copy(newest.path(), data.path());
    let server = Server::start(data.path(), &[]);
    assert!(newer.iter().all(|id| downloads(&server, id)), "{}", server.log());
}
