//! A server in this process that draws with the demo model.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use fulmen_engine::Options;
use serde_json::{Value, json};

use super::drawn::Drawn;
use super::{lora, nets};
use crate::app::App;
use crate::auth::{Keyring, Links};
use crate::budget::Memory;
use crate::http::{Answer, Body, Client, Events, Method, Request};
use crate::jobs::{Pictures, Places, Queue, Unstored, Worker};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::{Config, Keys, Limits, ModelConfig, Nets, Work, routes};

/// Pixels of a side where nothing else is asked for: the demo model's own.
pub(super) const SIDE: usize = 128;

/// A server in this process.
pub(super) struct Bench {
    app: Arc<App>,
    drawing: Option<thread::JoinHandle<()>>,
    /// Folders that it reads from and writes to.
    folders: Vec<tempfile::TempDir>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.app.queue.close();
        self.drawing.take().map(thread::JoinHandle::join);
        self.app.store.close();
    }
}

impl Bench {
    /// With the model inside the program.
    pub(super) fn new() -> Self {
        Self::with(vec![ModelConfig { engine: options(), ..ModelConfig::default() }])
    }

    /// With the demo model as a folder, and the same as if it were not distilled.
    pub(super) fn of_two() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
        let base = tempfile::tempdir().unwrap();
        copy(&folder, base.path());
        let file = base.path().join("scheduler/scheduler_config.json");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(file, config.replace("trailing", "leading")).unwrap();
        let model = |id: &str, path: &Path| ModelConfig {
            id: Some(id.into()),
            engine: Options { model: Some(path.into()), ..options() },
            ..ModelConfig::default()
        };
        let mut bench = Self::with(vec![model("fast", &folder), model("base", base.path())]);
        bench.folders.push(base);
        bench
    }

    /// With two LoRAs that requests may name: `fox` and `ink`.
    pub(super) fn with_loras() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lora::write(&folder.path().join("fox.safetensors"), &[lora::TO_Q]);
        lora::write(&folder.path().join("ink.safetensors"), &[lora::PROJ_IN]);
        Self::with_lora_folder(folder)
    }

    /// With what is in this folder.
    pub(super) fn with_lora_folder(folder: tempfile::TempDir) -> Self {
        let engine = Options { lora_folder: Some(folder.path().into()), ..options() };
        let mut bench = Self::with(vec![ModelConfig { engine, ..ModelConfig::default() }]);
        bench.folders.push(folder);
        bench
    }

    /// With a model that means nothing, and networks beside it.
    pub(super) fn with_nets() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        nets::model(&model);
        let [adapter, encoder] = nets::ip_adapter(folder.path());
        let canny = folder.path().join("canny");
        nets::control_net(&canny);
        let engine = Options { model: Some(model), ..options() };
        let controls = [("canny".to_owned(), canny)].into();
        let nets =
            Nets { controls, ip_adapter: Some(adapter), image_encoder: Some(encoder), ..Nets::default() };
        let mut bench = Self::with(vec![ModelConfig { id: None, engine, nets }]);
        bench.folders.push(folder);
        bench
    }

    /// With the demo model as a folder, and a network that enlarges.
    pub(super) fn with_upscaler() -> Self {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
        let nets = Nets { upscaler: Some(nets::upscaler()), ..Nets::default() };
        let engine = Options { model: Some(model), ..options() };
        Self::with(vec![ModelConfig { id: None, engine, nets }])
    }

    /// With the demo model as a folder, and LayerDiffuse's files.
    pub(super) fn with_layer_diffuse() -> Self {
        let folder = tempfile::tempdir().unwrap();
        nets::layer_diffuse(folder.path());
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
        let nets = Nets { layer_diffuse: Some(folder.path().into()), ..Nets::default() };
        let engine = Options { model: Some(model), ..options() };
        let mut bench = Self::with(vec![ModelConfig { id: None, engine, nets }]);
        bench.folders.push(folder);
        bench
    }

    pub(super) fn with(models: Vec<ModelConfig>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let worker = Worker::open(&models).unwrap();
        let config = Config {
            listen: "127.0.0.1:8188".parse().unwrap(),
            models,
            data: data.path().into(),
            queue: 16,
            work: Work::default(),
            max_storage: None,
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
            links: Links::open(data.path()).unwrap(),
            store: Store::open(data.path(), None).unwrap(),
            queue: Queue::new(places, worker.models.infos().cloned().collect()),
            metrics: Metrics::default(),
            started: jiff::Timestamp::now(),
            unstored: Unstored::default(),
            address: OnceLock::new(),
            config,
        });
        let of_thread = app.clone();
        let draw = move || {
            worker.run(&of_thread.queue, &of_thread.metrics, &|job| {
                job.begin(Pictures::of(&of_thread.store, job)?);
                Ok(())
            });
        };
        Self { app, drawing: Some(thread::spawn(draw)), folders: vec![data] }
    }

    /// What a route answers.
    pub(super) fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(method, path, ("application/json", body.to_string().into_bytes()))
    }

    /// The same of a body of this type.
    fn send(&self, method: Method, path: &str, body: (&str, Vec<u8>)) -> Answer {
        self.send_within(Memory::default(), method, path, body)
    }

    /// The same, with so much memory.
    pub(super) fn send_within(
        &self,
        memory: Memory,
        method: Method,
        path: &str,
        (media_type, body): (&str, Vec<u8>),
    ) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Request {
            id: "1".into(),
            method,
            path: path.into(),
            query,
            headers: vec![header("host", "127.0.0.1:8188"), header("content-type", media_type)],
            body: body.into(),
            client: Client::default(),
            memory,
        };
        routes::answer(&self.app, request)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.ask(Method::Post, path, body);
        (answer.status, serde_json::from_slice(&bytes(answer)).unwrap())
    }

    pub(super) fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::Get, path, &json!(null));
        assert_eq!(answer.status, 200, "{path}");
        serde_json::from_slice(&bytes(answer)).unwrap()
    }

    /// A picture that was announced and sent: its id.
    pub(super) fn upload(&self, file: &[u8]) -> String {
        let (_, answer) = self.post("/init-image", &json!({"extension": "png"}));
        let announced = &answer["uploadInitImage"];
        self.send_announced(&announced["fields"], file);
        announced["id"].as_str().unwrap().to_owned()
    }

    /// Sends a picture in the form whose fields its announcement answered.
    pub(super) fn send_announced(&self, fields: &Value, file: &[u8]) {
        let fields: Value = serde_json::from_str(fields.as_str().unwrap()).unwrap();
        let (mut body, head) = (vec![], "--b\r\nContent-Disposition: form-data; name=");
        for (name, text) in fields.as_object().unwrap() {
            body.extend(format!("{head}\"{name}\"\r\n\r\n{}\r\n", text.as_str().unwrap()).bytes());
        }
        body.extend(format!("{head}\"file\"; filename=\"a.png\"\r\n\r\n").bytes());
        body.extend([file, b"\r\n--b--\r\n"].concat());
        let form = ("multipart/form-data; boundary=b", body);
        assert_eq!(self.send(Method::Post, "/uploads", form).status, 204);
    }

    /// Another owner has this picture from now on.
    pub(super) fn give_to(&self, owner: &str, id: &str) {
        self.app.store.give_to(owner, id);
    }

    /// Whether this picture is kept, whoever's it is.
    pub(super) fn is_kept(&self, id: &str) -> bool {
        self.app.store.image(id).unwrap().is_some()
    }

    /// How many pictures are kept.
    pub(super) fn files(&self) -> usize {
        let folders = fs::read_dir(self.folders[0].path().join("pictures")).unwrap();
        folders.map(|folder| fs::read_dir(folder.unwrap().path()).map_or(1, Iterator::count)).sum()
    }

    /// The file behind a link of this server.
    pub(super) fn file(&self, url: &str) -> Vec<u8> {
        let answer = self.ask(Method::Get, url.strip_prefix("http://127.0.0.1:8188").unwrap(), &json!(null));
        assert_eq!(answer.status, 200, "{url}");
        bytes(answer)
    }

    /// `POST /v1/images/imagine` with these members beside a name, a prompt, a size and a seed.
    pub(super) fn imagine(&self, members: &Value) -> Drawn {
        let usual = json!({"name": "n", "prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 1});
        let (status, answer) = self.post("/v1/images/imagine", &with(usual, members));
        assert_eq!(status, 201, "{answer}");
        let path = format!("/v1/images/{}/download", answer["id"].as_str().unwrap());
        Drawn::new(bytes(self.ask(Method::Get, &path, &json!(null))), answer)
    }

    /// The member that an image with these is refused for; empty where the sentence names none.
    pub(super) fn imagine_refused(&self, members: &Value) -> String {
        let usual = json!({"name": "n", "prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 1});
        let (status, answer) = self.post("/v1/images/imagine", &with(usual, members));
        assert!((400..500).contains(&status), "{answer}");
        let told = answer["errors"][0].as_str().unwrap_or_default();
        told.split_once(": ").map(|(member, _)| member.to_owned()).unwrap_or_default()
    }

    /// `POST /api/images/generations` with these members beside a prompt, a size and a seed.
    pub(super) fn openai(&self, members: &Value) -> Drawn {
        let usual = json!({"prompt": PROMPT, "size": format!("{SIDE}x{SIDE}"), "seed": 1});
        let (status, answer) = self.post("/api/images/generations", &with(usual, members));
        assert_eq!(status, 200, "{answer}");
        let file = match answer["data"][0]["url"].as_str() {
            Some(url) => self.file(url),
            None => base64(answer["data"][0]["b64_json"].as_str().unwrap()),
        };
        Drawn::new(file, answer)
    }

    /// The first picture of a generation with these members beside a prompt, a size, one picture and a seed, without
    /// alchemy and what else is done where nothing is said.
    pub(super) fn leonardo(&self, members: &Value) -> Drawn {
        let answer = self.generation(members);
        assert_eq!(answer["status"], "COMPLETE", "{answer}");
        Drawn::new(self.file(answer["generated_images"][0]["url"].as_str().unwrap()), answer)
    }

    /// The variation that this path makes with these members, once it is made.
    pub(super) fn variation(&self, path: &str, members: &Value) -> Drawn {
        let (status, answer) = self.post(path, members);
        assert_eq!(status, 200, "{answer}");
        let job = answer.as_object().unwrap().values().next().unwrap();
        let path = format!("/variations/{}", job["id"].as_str().unwrap());
        loop {
            let variation = self.get(&path)["generated_image_variation_generic"][0].take();
            if variation["status"] != "PENDING" {
                assert_eq!(variation["status"], "COMPLETE", "{variation}");
                return Drawn::new(self.file(variation["url"].as_str().unwrap()), variation);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The generation of a picture, as it is now.
    pub(super) fn generation_of(&self, drawn: &Drawn) -> Value {
        let path = format!("/generations/{}", drawn.answer["id"].as_str().unwrap());
        self.get(&path)["generations_by_pk"].take()
    }

    /// The finished generation.
    pub(super) fn generation(&self, members: &Value) -> Value {
        let (status, answer) = self.begin(members);
        assert_eq!(status, 200, "{answer}");
        let path = format!("/generations/{}", answer["sdGenerationJob"]["generationId"].as_str().unwrap());
        loop {
            let generation = self.get(&path)["generations_by_pk"].take();
            if generation["status"] != "PENDING" {
                return generation;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn begin(&self, members: &Value) -> (u16, Value) {
        let usual = json!({
            "prompt": PROMPT, "width": SIDE, "height": SIDE, "num_images": 1, "seed": 1, "alchemy": false,
        });
        self.post("/generations", &with(usual, members))
    }

    /// The member that a generation with these is refused for.
    pub(super) fn refused(&self, members: &Value) -> String {
        let (status, answer) = self.begin(members);
        assert_eq!(status, 400, "{answer}");
        answer["path"].as_str().unwrap().trim_start_matches("$.").to_owned()
    }
}

/// What is drawn where no other prompt is asked for.
pub(super) const PROMPT: &str = "a red circle on a blue background";

/// The members of the second, where both have one.
pub(super) fn with(mut usual: Value, members: &Value) -> Value {
    usual.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    usual
}

fn options() -> Options {
    Options { device: "cpu".parse().unwrap(), ..Options::default() }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn bytes(answer: Answer) -> Vec<u8> {
    match answer.body {
        Body::Bytes(bytes) => bytes,
        Body::Events(_) => panic!("events"),
    }
}

/// What an answer says event by event, as it is sent.
pub(super) fn events(answer: Answer) -> String {
    let Body::Events(stream) = answer.body else { panic!("no events") };
    let mut sent = vec![];
    stream(&mut Events::new(&mut sent)).unwrap();
    String::from_utf8(sent).unwrap()
}

pub(super) fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}
