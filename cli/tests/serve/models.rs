//! Several models of one server: each is chosen by its id in every family, and the first draws where none is named.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::server::{Server, refusal};

/// The demo model's folder.
pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo")
}

/// A copy of the demo model's folder that was not distilled, as its schedule says.
pub(crate) fn undistilled(at: &Path) -> PathBuf {
    copy(&demo(), at);
    let file = at.join("scheduler/scheduler_config.json");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(file, config.replace("trailing", "leading")).unwrap();
    at.to_owned()
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

/// The picture that OpenAI's route answers, in base64, and its warnings.
fn drawn(server: &Server, members: &Value) -> (String, Value) {
    let mut body =
        json!({"prompt": "a red circle", "size": "128x128", "seed": 1, "response_format": "b64_json"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = server.post("/v1/images/generations", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    (body["data"][0]["b64_json"].as_str().unwrap().to_owned(), body["warnings"].clone())
}

/// A finished generation of Leonardo's route.
fn generation(server: &Server, members: &Value) -> Value {
    let mut body = json!({"prompt": "a red circle", "width": 128, "height": 128, "num_images": 1, "seed": 1});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = server.post("/generations", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
    for _ in 0..3000 {
        let generation = server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone();
        if generation["status"] != "PENDING" {
            return generation;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("it is still pending: {}", server.log());
}

#[test]
fn models_are_listed_and_chosen_in_every_family() {
    let data = tempfile::tempdir().unwrap();
    let (demo, base) = (demo(), undistilled(&data.path().join("base")));
    let [fast, base] = [format!("fast={}", demo.display()), base.display().to_string()];
    let arguments = ["--model", &fast, "--model", &base];
    let server = Server::start(&data.path().join("data"), &arguments);
    assert!(server.logs("drawing fast, base on"), "{}", server.log());
    assert_eq!(server.get("/healthz").json(), json!({"status": "ok", "models": ["fast", "base"]}));
    let listed = server.get("/v1/models").json();
    assert_eq!(listed["data"][0]["id"], "fast");
    assert_eq!(
        (&listed["data"][1]["id"], &listed["data"][1]["fulmen"]["steps"]),
        (&json!("base"), &json!(30))
    );
    assert_eq!(server.get("/v1/models/base").json()["id"], "base");
    let platform = server.get("/platformModels").json();
    let id = platform["custom_models"][1]["id"].as_str().unwrap();
    assert_eq!(platform["custom_models"][1]["name"], "base");

    let (first, none) = drawn(&server, &json!({}));
    assert_eq!(
        (drawn(&server, &json!({"model": "fast"})), none),
        ((first.clone(), json!(null)), json!(null))
    );
    let (other, none) = drawn(&server, &json!({"model": "openai/base"}));
    assert!(other != first && none == json!(null), "{none}");
    let (unknown, warned) = drawn(&server, &json!({"model": "nobody"}));
    assert_eq!((unknown, &warned[0]), (first, &json!("`model`: \"nobody\" is not loaded here; fast draws")));
    let named = server.post(
        "/v1/images/imagine",
        &json!({"name": "n", "prompt": "a", "model": "base", "width": 128, "height": 128}),
    );
    assert_eq!((named.status, named.headers.get("x-fulmen-warning")), (201, None));

    for (members, steps, warnings) in [
        (json!({}), 4, 0),
        (json!({"modelId": "base"}), 15, 0),
        (json!({"modelId": id}), 15, 0),
        (json!({"sd_version": "SDXL_1_0"}), 15, 0),
        (json!({"sd_version": "SDXL_LIGHTNING"}), 4, 0),
        (json!({"sd_version": "FLUX"}), 4, 1),
        (json!({"modelId": "nobody", "sd_version": "SDXL_0_9"}), 15, 1),
        (json!({"modelId": "fast", "sd_version": "SDXL_1_0"}), 4, 1),
    ] {
        let generation = generation(&server, &members);
        assert_eq!(generation["status"], "COMPLETE", "{generation}");
        let told = generation["warnings"].as_array().map_or(0, Vec::len);
        assert_eq!(
            (&generation["inferenceSteps"], told),
            (&json!(steps), warnings),
            "{members}: {generation}"
        );
    }
}

#[test]
fn a_model_that_cannot_be_opened_is_told_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let demo = demo().display().to_string();
    let absent = format!("other={}", data.path().join("absent").display());
    let (code, said) = refusal(data.path(), &["--model", &demo, "--model", &absent]);
    assert!(code == 1 && said.contains("absent"), "{code}: {said}");
    let (code, said) = refusal(data.path(), &["--model", &demo, "--model", &demo]);
    assert!(code == 2 && said.contains("two models are called demo"), "{code}: {said}");
}
