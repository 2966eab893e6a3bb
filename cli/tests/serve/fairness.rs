//! Several keys before one engine, and requests that are too much for one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Answer, Server, command};

/// Keys of these names, and the file that knows them.
fn keys<const N: usize>(folder: &Path, names: [&str; N]) -> (String, [String; N]) {
    let file = folder.join("keys");
    let keys = names.map(|name| fulmen_server::new_key(name, Some(&file)).unwrap().key);
    (file.to_str().unwrap().to_owned(), keys)
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).max_idle_connections(0).build().into()
}

fn post(server: &Server, key: &str, path: &str, body: &Value) -> Answer {
    let request = agent().post(format!("{}{path}", server.url)).content_type("application/json");
    let (parts, mut body) = request.header("x-api-key", key).send(body.to_string()).unwrap().into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
}

#[test]
fn a_greedy_key_leaves_a_polite_one_its_turns() {
    const PICTURES: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let (file, [greedy, polite]) = keys(folder.path(), ["greedy", "polite"]);
    let server = Server::start(&folder.path().join("data"), &["--api-keys", &file]);
    let asked = json!({"prompt": "a red circle", "size": "128x128", "response_format": "b64_json"});
    let (stop, drawn, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answer = post(&server, &greedy, "/v1/images/generations", &asked);
                    match answer.status {
                        200 => drawn.fetch_add(1, Ordering::Relaxed),
                        429 => {
                            let seconds = answer.headers["retry-after"].to_str().unwrap().parse::<u64>();
                            assert!(
                                seconds.unwrap() >= 1 && answer.json()["error"]["code"] == "too_many_jobs"
                            );
                            thread::sleep(Duration::from_millis(20));
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                        other => panic!("{other}"),
                    };
                }
            });
        }
        while drawn.load(Ordering::Relaxed) < 5 {
            thread::sleep(Duration::from_millis(5));
        }
        drawn.store(0, Ordering::Relaxed);
        let mine = (0..PICTURES).map(|_| post(&server, &polite, "/v1/images/generations", &asked).status);
        let mine: Vec<u16> = mine.collect();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(mine, [200; PICTURES]);
    });
    let (drawn, refused) = (drawn.into_inner(), refused.into_inner());
    println!("{drawn} pictures for the greedy key, {refused} refusals, {PICTURES} for the polite one");
    // One each in turn; now and then the polite one is not quite back in time. After the end, what waited is drawn.
    assert!(refused > 0 && drawn <= 2 * PICTURES + 5, "{drawn} against {PICTURES}");
}

#[test]
fn what_is_too_much_for_one_request_is_refused_by_name_and_leaves_nothing_behind() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-pixels", "262144", "--max-steps", "10"]);
    let images = |answer: &Value| answer["errors"][0].as_str().unwrap_or_default().to_owned();
    let openai = |answer: &Value| answer["error"]["param"].as_str().unwrap_or_default().to_owned();
    let leonardo = |answer: &Value| answer["path"].as_str().unwrap_or_default().to_owned();
    let cat = json!({"name": "cat", "prompt": "a cat", "width": 512, "height": 512});
    let with = |more: Value| {
        let mut body = cat.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    type Member<'a> = &'a dyn Fn(&Value) -> String;
    let cases: [(&str, Value, Member<'_>, &str, &str); 9] = [
        ("/v1/images/imagine", with(json!({"width": 520})), &images, "width", "--max-pixels"),
        ("/v1/images/imagine", with(json!({"height": 1024})), &images, "height", "--max-pixels"),
        ("/v1/images/imagine", with(json!({"steps": 11})), &images, "steps", "--max-steps"),
        (
            "/v1/images/generations",
            with(json!({"size": "1024x1024", "width": null, "height": null})),
            &openai,
            "size",
            "--max-pixels",
        ),
        ("/v1/images/generations", with(json!({"size": "512x512", "n": 2})), &openai, "n", "--max-pixels"),
        (
            "/v1/images/generations",
            with(json!({"size": "64x64", "num_inference_steps": 11})),
            &openai,
            "num_inference_steps",
            "--max-steps",
        ),
        ("/generations", with(json!({"width": 520, "num_images": 1})), &leonardo, "$.width", "--max-pixels"),
        ("/generations", cat.clone(), &leonardo, "$.num_images", "--max-pixels"),
        ("/generations", with(json!({"num_images": 2})), &leonardo, "$.num_images", "--max-pixels"),
    ];
    for (path, body, member, expected, option) in cases {
        let answer = server.post(path, &body);
        let said = answer.json();
        assert_eq!((answer.status, member(&said).split(':').next().unwrap()), (400, expected), "{said}");
        assert!(said.to_string().contains(option), "{said}");
    }
    assert_eq!(server.get("/v1/images").json()["data"], json!([]));
    let me = server.get("/me").json()["user_details"][0]["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/generations/user/{me}")).json(), json!({"generations": []}));
    assert_eq!(server.post("/v1/images/imagine", &with(json!({"steps": 1}))).status, 201);
}

#[test]
fn a_request_that_holds_the_engine_too_long_is_stopped_and_others_are_served() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-seconds", "1"]);
    // A thousand steps: seconds, on any machine.
    let long = json!({"prompt": "a red circle", "size": "2048x2048", "n": 10, "steps": 100});
    let small = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    thread::scope(|scope| {
        let long = scope.spawn(|| server.post("/v1/images/generations", &long));
        assert_eq!(server.post("/v1/images/generations", &small).status, 200);
        let answer = long.join().unwrap();
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["code"].as_str()), (400, Some("too_slow")), "{error}");
        assert!(error["message"].as_str().unwrap().contains("--max-seconds 1"), "{error}");
    });
    assert_eq!(server.post("/v1/images/generations", &small).status, 200);
}

#[test]
fn fewer_steps_than_the_model_takes_by_itself_are_no_limit_to_start_with() {
    let data = tempfile::tempdir().unwrap();
    let refused = command(data.path(), &["--max-steps", "2"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--max-steps 2") && said.contains("4 steps"), "{said}");
}
