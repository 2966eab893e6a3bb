//! Model files that other programs write to while a server draws with them.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::large::{self, Change};
use super::server::{self, Server};

#[test]
fn a_model_that_is_written_to_costs_the_picture_and_not_the_server() {
    let place = tempfile::tempdir().unwrap();
    let model = large::model(place.path());
    let (file, kept) = (large::weights(&model), place.path().join("kept"));
    fs::copy(&file, &kept).unwrap();
    let data = place.path().join("data");
    let server = Server::start(&data, &["--model", model.to_str().unwrap()]);
    for change in [Change::Truncated, Change::Overwritten] {
        let answer = while_drawing(&server, 100, || large::change(&file, change));
        assert_eq!(answer, 500, "{change:?}: {}", server.log());
        assert!(server.logs("was changed or truncated while it was in use"), "{}", server.log());
        assert_eq!(server.get("/healthz").status, 200, "{change:?}: {}", server.log());
        put_back(&kept, &file);
        assert_eq!(while_drawing(&server, 1, || ()), 201, "{change:?}: {}", server.log());
    }
}

/// The file as it was, at once.
fn put_back(kept: &Path, file: &Path) {
    let copy = kept.with_extension("copy");
    fs::copy(kept, &copy).unwrap();
    fs::rename(copy, file).unwrap();
}

/// Asks for a picture, does something while it is drawn, and answers the status.
fn while_drawing(server: &Server, steps: u32, act: impl FnOnce()) -> u16 {
    let url = format!("{}/v1/images/imagine", server.url);
    let body = json!({ "name": "cat", "prompt": "a cat", "width": 64, "height": 64, "steps": steps });
    let asked = thread::spawn(move || server::post(&url, &body).unwrap().status);
    let end = Instant::now() + Duration::from_secs(60);
    while steps > 1 && Instant::now() < end {
        let jobs = server.get("/v1/jobs").json().to_string();
        if jobs.contains("running") && !jobs.contains(r#""step":0"#) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    act();
    asked.join().unwrap()
}
