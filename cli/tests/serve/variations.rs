//! Variations of a server that was started with a network that enlarges, over a kill too, and the tiles that it tells of;
//! and files that are not what they are given as.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::raw::ask_with;
use super::server::{Server, get, refusal};

/// An upscaler that was trained on nothing, and enlarges four times.
fn upscaler() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/upscalers/rrdb.safetensors")
}

fn generated(server: &Server) -> String {
    let asked = json!({"prompt": "a red circle", "num_images": 1, "width": 128, "height": 128, "seed": 7});
    let answer = server.post("/generations", &asked).json();
    let id = answer["sdGenerationJob"]["generationId"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let generation = wait(|| server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone());
    generation["generated_images"][0]["id"].as_str().unwrap().to_owned()
}

/// What is asked for again and again until it is finished.
fn wait(ask: impl Fn() -> Value) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = ask();
        if found["status"] != "PENDING" {
            return found;
        }
        assert!(Instant::now() < end, "it is still pending");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Begins a variation; its id.
fn begun(server: &Server, path: &str, body: &Value) -> String {
    let answer = server.post(path, body).json();
    let job = answer.as_object().and_then(|members| members.values().next());
    job.and_then(|job| job["id"].as_str()).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The pixels of a variation, once it is made.
fn pixels(server: &Server, id: &str) -> image::RgbImage {
    let path = format!("/variations/{id}");
    let found = wait(|| server.get(&path).json()["generated_image_variation_generic"][0].clone());
    let url = found["url"].as_str().unwrap_or_else(|| panic!("{found}"));
    image::load_from_memory(&get(url).unwrap().body).unwrap().into_rgb8()
}

#[test]
fn a_larger_picture_is_the_same_over_a_kill_and_counted() {
    let (data, file) = (tempfile::tempdir().unwrap(), upscaler());
    let arguments = ["--upscale", file.to_str().unwrap()];
    let mut server = Server::start(data.path(), &arguments);
    let id = generated(&server);
    let bodies = [
        ("/variations/upscale", json!({"id": id})),
        ("/variations/universal-upscaler", json!({"generatedImageId": id, "creativityStrength": 8})),
    ];
    let undisturbed = bodies.each_ref().map(|(path, body)| pixels(&server, &begun(&server, path, body)));
    let sizes = undisturbed.each_ref().map(image::RgbImage::dimensions);
    assert_eq!(sizes, [(256, 256), (192, 192)]);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    let enlarged =
        metrics.lines().find(|line| line.starts_with("fulmen_stage_seconds_count{stage=\"upscale\"}"));
    assert!(enlarged.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");

    let again = bodies.each_ref().map(|(path, body)| begun(&server, path, body));
    server.kill();
    let server = Server::start(data.path(), &arguments);
    for (id, expected) in again.iter().zip(&undisturbed) {
        assert_eq!(pixels(&server, id), *expected);
    }
    let plain = {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &[]);
        let id = generated(&server);
        pixels(&server, &begun(&server, "/variations/upscale", &json!({"id": id})))
    };
    assert_ne!(plain, undisturbed[0], "without a network it is resampled");
}

#[test]
fn files_that_are_not_what_they_are_given_as_are_told_before_anything_is_served() {
    let data = tempfile::tempdir().unwrap();
    let (folder, missing) = (data.path().to_str().unwrap(), data.path().join("none.pth"));
    let picture = data.path().join("picture.pth");
    std::fs::write(&picture, b"no network").unwrap();
    for (arguments, words) in [
        (["--layer-diffuse", folder], "layer_xl_transparent_attn.safetensors"),
        (["--upscale", missing.to_str().unwrap()], "none.pth"),
        (["--upscale", picture.to_str().unwrap()], "picture.pth"),
    ] {
        let (code, said) = refusal(&data.path().join("data"), &arguments);
        assert!(code != 0 && said.contains(words), "{code}: {said}");
    }
}

#[test]
fn tiles_are_told_where_a_network_enlarges() {
    let (data, file) = (tempfile::tempdir().unwrap(), upscaler());
    let server = Server::start(data.path(), &["--upscale", file.to_str().unwrap()]);
    let told = |members: Value| {
        let mut asked = json!({"name": "n", "prompt": "a red circle", "width": 128, "height": 128});
        asked.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let headers = ["Accept: text/event-stream"];
        let answer = ask_with(&server, "POST /v1/images/imagine", &headers, &asked.to_string()).text();
        assert!(answer.contains("event: image"), "{answer}");
        answer
    };
    let place = |answer: &str, what: &str| {
        answer.find(what).unwrap_or_else(|| panic!("there is no {what} in {answer}"))
    };
    assert!(!told(json!({})).contains("event: tile"), "nothing is enlarged");
    // What is finished is enlarged at the end, and what is drawn again between its two passes.
    let upscaled = told(json!({"upscale": 2}));
    assert!(place(&upscaled, "\"upscale\"") < place(&upscaled, "event: tile"));
    assert!(!upscaled[place(&upscaled, "event: tile")..].contains("event: step"), "{upscaled}");
    let again = told(json!({"hires": 2}));
    assert!(again[place(&again, "event: tile")..].contains("event: step"), "{again}");
}
