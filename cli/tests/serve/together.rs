//! Requests of one size that wait at the same time are drawn side by side, and answered as if each were alone.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Server, delete};

/// The caller's jobs of this status.
fn jobs(server: &Server, status: &str) -> Vec<Value> {
    let mut jobs = server.get("/v1/jobs").json()["data"].as_array().unwrap().clone();
    jobs.retain(|job| job["status"] == status);
    jobs
}

fn wait_for(server: &Server, status: &str, count: usize) -> Vec<Value> {
    for _ in 0..6000 {
        let jobs = jobs(server, status);
        if jobs.len() == count {
            return jobs;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("there are never {count} that are {status}");
}

#[test]
fn requests_that_wait_together_are_drawn_together_with_the_answers_of_each_alone() {
    let data = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
    let server = Server::start(data.path(), &["--model", model.to_str().unwrap()]);
    let asked = |seed: u64| {
        let body = json!({"prompt": "a red circle", "size": "64x64", "seed": seed, "steps": 3 + seed, "response_format": "b64_json"});
        let answer = server.post("/v1/images/generations", &body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["data"][0]["b64_json"].as_str().unwrap().to_owned()
    };
    let alone = [1, 2, 3].map(asked);
    let together = || {
        let text = String::from_utf8(server.get("/metrics").body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("fulmen_jobs_together_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(together(), 0);
    let long = json!({"prompt": "a blue square", "size": "128x128", "n": 10, "steps": 100});
    thread::scope(|scope| {
        let long = scope.spawn(|| server.post("/v1/images/generations", &long).status);
        let running = wait_for(&server, "running", 1).remove(0);
        let answers = [1, 2, 3].map(|seed| scope.spawn(move || asked(seed)));
        wait_for(&server, "queued", 3);
        let path = format!("{}/v1/jobs/{}", server.url, running["id"].as_str().unwrap());
        assert_eq!(delete(&path).unwrap().status, 204);
        assert_eq!(long.join().unwrap(), 400);
        assert_eq!(answers.map(|answer| answer.join().unwrap()), alone);
    });
    assert_eq!(together(), 3);
}
