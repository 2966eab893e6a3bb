//! The life of a generation: begun, drawn, kept, shown, deleted; ended by a shutdown, and drawn after it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fulmen_engine::Options;
use serde_json::{Value, json};

use super::{cat, request};
use crate::api::leonardo::{account, background, generations, resume};
use crate::app::App;
use crate::auth::{Keyring, Links};
use crate::http::{Answer, Body};
use crate::jobs::{Job, Places, Queue, Status, Worker};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::route::{Call, Handler};
use crate::store::Store;
use crate::{Config, Keys, Limits, ModelConfig, Work};

/// Small pictures, one of them, with a seed.
fn small(members: Value) -> Value {
    let mut body = cat(json!({"width": 64, "height": 32, "num_images": 1, "seed": 7}));
    let Value::Object(members) = members else { panic!("members") };
    body.as_object_mut().unwrap().extend(members);
    body
}

/// A server without a network; its engine runs where `draws` says so.
struct Server {
    app: Arc<App>,
    engine: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn open(data: &Path, draws: bool, max_storage: Option<u64>) -> Self {
        Self::with(data, draws, max_storage, Work::default())
    }

    fn with(data: &Path, draws: bool, max_storage: Option<u64>, work: Work) -> Self {
        let engine = Options { device: "cpu".parse().unwrap(), ..Options::default() };
        let models = vec![ModelConfig { engine, ..ModelConfig::default() }];
        let worker = Worker::open(&models).unwrap();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            models,
            data: data.into(),
            queue: 1,
            work,
            max_storage,
            accept_loss: false,
            keys: Keys::default(),
            cors_origins: vec![],
            public_url: None,
            trusted_proxies: vec![],
            hosts: vec![],
            png_text: true,
            limits: Limits::default(),
        };
        let places = Places { waiting: config.queue, per_key: None, time: config.work.time };
        let app = Arc::new(App {
            models: worker.models.clone(),
            keys: Keyring::open(&config.keys).unwrap(),
            links: Links::open(data).unwrap(),
            store: Store::open(data, max_storage).unwrap(),
            queue: Queue::new(places, worker.models.infos().cloned().collect()),
            metrics: Metrics::default(),
            started: jiff::Timestamp::now(),
            unstored: crate::jobs::Unstored::default(),
            address: std::sync::OnceLock::new(),
            config,
        });
        let drawing = app.clone();
        let engine = draws.then(|| {
            thread::spawn(move || {
                worker.run(&drawing.queue, &drawing.metrics, &|job| background::attempt(&drawing, job));
            })
        });
        Self { app, engine }
    }

    fn ask(&self, handler: Handler, owner: &str, path: &[&str], body: &Value) -> Result<Answer, Problem> {
        let params = path.iter().map(|&param| param.into()).collect();
        let call = Call { request: request(body), params, owner: owner.into(), base: "http://here".into() };
        handler(&self.app, &call)
    }

    /// The JSON that anna is answered.
    fn anna(&self, handler: Handler, path: &[&str], body: &Value) -> Value {
        let answer = self.ask(handler, "anna", path, body).unwrap();
        assert_eq!(answer.status, 200);
        let Body::Bytes(bytes) = answer.body else { panic!("events") };
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The id of a new generation of anna's.
    fn begin(&self, body: &Value) -> String {
        let answer = self.anna(generations::create, &[], body);
        let job = &answer["sdGenerationJob"];
        assert_eq!(
            (&job["apiCreditCost"], &job["cost"]),
            (&json!(0), &json!({"amount": "0", "unit": "DOLLARS"}))
        );
        job["generationId"].as_str().unwrap().to_owned()
    }

    fn get(&self, id: &str) -> Value {
        self.anna(generations::get, &[id], &json!({}))["generations_by_pk"].clone()
    }

    /// The generation, once it is not pending any more.
    fn wait(&self, id: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let generation = self.get(id);
            if generation["status"] != "PENDING" {
                return generation;
            }
            assert!(Instant::now() < end, "it takes too long");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(self) {
        self.app.queue.close();
        if let Some(engine) = self.engine {
            engine.join().unwrap();
        }
        assert!(self.app.unstored.wait_until_none(Duration::from_secs(20)));
        assert_eq!(Arc::strong_count(&self.app), 1);
    }
}

#[test]
fn a_generation_is_answered_at_once_and_complete_later() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), true, None);
    let id = server.begin(&small(json!({"num_images": 2, "num_inference_steps": 15})));
    let first = server.get(&id);
    assert!(first["status"] == "COMPLETE" || first["generated_images"] == json!([]), "{first}");
    let done = server.wait(&id);
    assert_eq!(
        (&done["status"], &done["id"], &done["inferenceSteps"]),
        (&json!("COMPLETE"), &json!(id), &json!(4))
    );
    assert_eq!(
        (&done["imageWidth"], &done["imageHeight"], &done["seed"]),
        (&json!(64), &json!(32), &json!(7))
    );
    let images = done["generated_images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let url = image["url"].as_str().unwrap();
        assert!(url.starts_with("http://here/files/") && url.contains(".png?expires="), "{url}");
        let kept = server.app.store.image(image["id"].as_str().unwrap()).unwrap().unwrap();
        assert_eq!((kept.width, kept.height), (64, 32));
        assert_eq!((&image["nsfw"], &image["likeCount"]), (&json!(false), &json!(0)));
        assert_eq!(image["generated_image_variation_generics"], json!([]));
    }
    server.stop();
}

#[test]
fn pictures_of_a_public_generation_have_addresses_without_signature() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), true, None);
    let id = server.begin(&small(json!({"public": true})));
    let image = server.wait(&id)["generated_images"][0].clone();
    let picture = image["id"].as_str().unwrap();
    assert_eq!(image["url"], format!("http://here/public/{picture}.png"));
    assert!(server.app.store.image(picture).unwrap().unwrap().public);
    server.stop();
}

#[test]
fn nobody_sees_or_deletes_what_is_not_theirs() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, None);
    let id = server.begin(&small(json!({})));
    let ask = |handler: Handler, owner: &str, param: &str| {
        let Body::Bytes(bytes) = server.ask(handler, owner, &[param], &json!({})).unwrap().body else {
            panic!()
        };
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(ask(generations::get, "bert", &id), json!({"generations_by_pk": null}));
    assert_eq!(ask(generations::delete, "bert", &id), json!({"delete_generations_by_pk": null}));
    let (anna, bert) = (account::user_id("anna"), account::user_id("bert"));
    assert_eq!(ask(generations::list, "bert", &anna), json!({"generations": []}));
    assert_eq!(ask(generations::list, "bert", &bert), json!({"generations": []}));
    assert_eq!(ask(generations::list, "anna", &anna)["generations"][0]["id"], json!(id));
    assert_eq!(ask(generations::get, "anna", "no-such-id"), json!({"generations_by_pk": null}));
    server.stop();
}

#[test]
fn lists_are_newest_first_and_in_pages() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), true, None);
    let ids: Vec<String> = (0..3)
        .map(|_| {
            let id = server.begin(&small(json!({})));
            server.wait(&id);
            id
        })
        .collect();
    let page = |query: &[(&str, &str)]| {
        let mut asked = request(&json!({}));
        asked.query = query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let params = vec![account::user_id("anna")];
        let call = Call { request: asked, params, owner: "anna".into(), base: String::new() };
        let Body::Bytes(bytes) = generations::list(&server.app, &call)?.body else { panic!() };
        let page: Value = serde_json::from_slice(&bytes).unwrap();
        let ids =
            page["generations"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        Ok::<Vec<String>, Problem>(ids.collect())
    };
    assert_eq!(page(&[]).unwrap(), [&ids[2], &ids[1], &ids[0]].map(Clone::clone));
    assert_eq!(page(&[("offset", "1"), ("limit", "1")]).unwrap(), [ids[1].clone()]);
    for wrong in [("limit", "0"), ("limit", "101"), ("offset", "-1"), ("offset", "x")] {
        assert_eq!(page(&[wrong]).unwrap_err().field.as_deref(), Some(wrong.0));
    }
    server.stop();
}

#[test]
fn what_is_deleted_is_not_drawn_any_more() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, None);
    let id = server.begin(&small(json!({})));
    assert_eq!(server.app.queue.snapshot().waiting.len(), 1);
    let deleted = server.anna(generations::delete, &[&id], &json!({}));
    assert_eq!(deleted, json!({"delete_generations_by_pk": {"id": id}}));
    assert_eq!((server.app.queue.snapshot().waiting.len(), server.get(&id)), (0, Value::Null));
    assert!(server.app.unstored.wait_until_none(Duration::from_secs(5)));
    server.stop();
}

#[test]
fn a_full_queue_refuses_and_keeps_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, None);
    server.begin(&small(json!({})));
    server.begin(&small(json!({})));
    let problem = server.ask(generations::create, "anna", &[], &small(json!({}))).unwrap_err();
    assert_eq!((problem.status, problem.code), (503, "queue_full"));
    assert!(problem.retry_after.is_some_and(|seconds| seconds > 0));
    assert_eq!(server.app.store.pending().unwrap().len(), 2);
    server.stop();
}

#[test]
fn a_generation_that_takes_too_long_fails_and_is_not_drawn_again() {
    let data = tempfile::tempdir().unwrap();
    let work = Work { time: Duration::ZERO, ..Work::default() };
    let server = Server::with(data.path(), true, None, work);
    let id = server.begin(&small(json!({})));
    assert_eq!(server.wait(&id)["status"], "FAILED");
    assert_eq!(server.app.store.pending().unwrap(), []);
    server.stop();
}

#[test]
fn no_room_refuses_and_keeps_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, Some(1000));
    let problem = server.ask(generations::create, "anna", &[], &small(json!({}))).unwrap_err();
    assert_eq!((problem.status, problem.code), (503, "storage_full"));
    assert_eq!(server.app.store.pending().unwrap(), []);
    assert_eq!(server.app.queue.snapshot().waiting.len(), 0);
    server.stop();
}

#[test]
fn what_a_shutdown_ends_is_drawn_after_it_with_the_same_id_and_seed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, None);
    let ids = [server.begin(&small(json!({"seed": null}))), server.begin(&small(json!({})))];
    let seed = server.get(&ids[0])["seed"].clone();
    assert!(seed.is_u64());
    server.stop();

    let server = Server::open(data.path(), true, None);
    assert_eq!(server.get(&ids[0])["status"], "PENDING");
    resume::resume(&server.app);
    for id in &ids {
        assert_eq!(server.wait(id)["status"], "COMPLETE");
    }
    let done = server.get(&ids[0]);
    let picture =
        server.app.store.image(done["generated_images"][0]["id"].as_str().unwrap()).unwrap().unwrap();
    assert_eq!((&done["seed"], json!(picture.seed)), (&seed, seed.clone()));
    server.stop();
}

#[test]
fn a_record_that_cannot_be_read_is_given_up_and_harms_no_other() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, None);
    let good = server.begin(&small(json!({})));
    let mut bad = server.app.store.pending().unwrap().remove(0);
    (bad.id, bad.spec) = ("11111111-1111-4111-8111-111111111111".into(), json!({"prompt": 3}));
    server.app.store.begin(&bad, &[]).unwrap();
    server.stop();

    let server = Server::open(data.path(), true, None);
    resume::resume(&server.app);
    assert_eq!(
        (&server.wait(&bad.id)["status"], &server.wait(&good)["status"]),
        (&json!("FAILED"), &json!("COMPLETE"))
    );
    server.stop();
}

#[test]
fn pictures_that_cannot_be_stored_wait_until_they_can() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), true, None);
    let (pictures, away) = (data.path().join("pictures"), data.path().join("away"));
    let id = server.begin(&small(json!({"width": 256, "height": 256, "num_images": 4})));
    let end = Instant::now() + Duration::from_secs(60);
    // Only what was noted as begun is drawn.
    let is_drawn = |job: Arc<Job>| matches!(job.status(), Status::Running { .. });
    while !server.app.queue.snapshot().running.into_iter().any(is_drawn) {
        assert!(Instant::now() < end, "it is never drawn");
        thread::sleep(Duration::from_millis(5));
    }
    fs::rename(&pictures, &away).unwrap();
    fs::write(&pictures, "no folder").unwrap();
    let refusal = loop {
        if let Err(problem) = server.app.unstored.check() {
            break problem;
        }
        assert!(Instant::now() < end, "the store takes what it cannot");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((refusal.status, refusal.code), (503, "storage_unavailable"));
    assert_eq!(server.get(&id)["status"], "PENDING");
    let next = server.ask(generations::create, "anna", &[], &small(json!({}))).unwrap_err();
    assert_eq!(next, refusal, "more pictures would only fill the memory");
    fs::remove_file(&pictures).unwrap();
    fs::rename(&away, &pictures).unwrap();
    assert_eq!(server.wait(&id)["status"], "COMPLETE");
    server.stop();
}

#[test]
fn whoever_asks_is_told_who_they_are_and_what_draws() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::open(data.path(), false, None);
    let me = server.anna(account::me, &[], &json!({}));
    assert_eq!(me["user_details"][0]["user"], json!({"id": account::user_id("anna"), "username": "anna"}));
    let models = server.anna(account::models, &[], &json!({}));
    let model = &models["custom_models"][0];
    assert_eq!(model["name"], json!(server.app.models.first().info.name));
    assert!(uuid::Uuid::parse_str(model["id"].as_str().unwrap()).is_ok());
    server.stop();
}
