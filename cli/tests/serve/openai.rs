//! `…/images/generations`: links, files, events, sizes, steps.

use serde_json::{Value, json};

use super::server::{Answer, Server, get};

/// A small picture of few steps, with these members more or other.
fn generate(server: &Server, more: &Value) -> Answer {
    let mut asked = json!({"prompt": "a red circle on a blue background", "size": "64x64"});
    for (key, value) in more.as_object().unwrap() {
        asked[key] = value.clone();
    }
    server.post("/api/images/generations", &asked)
}

fn server() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    (data, server)
}

#[test]
fn every_spelling_of_the_path_draws() {
    let (_data, server) = server();
    let asked = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    for path in [
        "/api/images/generations",
        "/v1/images/generations",
        "/api/v1/images/generations",
        "/api/image/generations",
        "/v1/image/generations",
        "/api/v1/image/generations",
        "/api/v2/image/generations",
    ] {
        assert_eq!(server.post(path, &asked).status, 200, "{path}");
    }
}

#[test]
fn links_are_good_for_an_hour_and_only_as_they_are() {
    let (_data, server) = server();
    let answer = generate(&server, &json!({"n": 2})).json();
    assert!(answer["created"].is_u64());
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    let link = data[0]["url"].as_str().unwrap();
    assert!(data[0].get("b64_json").is_none());
    assert_eq!(get(link).unwrap().status, 200);
    let expires: u64 = link.split_once("expires=").unwrap().1.split('&').next().unwrap().parse().unwrap();
    let left = expires - std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((3590..=3600).contains(&left), "{left} s");
    let later = link.replace(&format!("expires={expires}"), &format!("expires={}", expires + 1));
    assert_eq!(get(&later).unwrap().status, 403);
    assert_eq!(get(link.split('?').next().unwrap()).unwrap().status, 403);
}

#[test]
fn formats_are_what_was_asked_for() {
    let (_data, server) = server();
    for (format, magic) in [("png", &b"\x89PNG"[..]), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")] {
        let answer = generate(&server, &json!({"output_format": format, "size": "72x64"})).json();
        let file = get(answer["data"][0]["url"].as_str().unwrap()).unwrap();
        assert!(file.body.starts_with(magic), "{format}");
        assert_eq!(file.headers["content-type"], format!("image/{format}").as_str());
        let picture = image::load_from_memory(&file.body).unwrap();
        assert_eq!((picture.width(), picture.height()), (72, 64));
    }
}

#[test]
fn a_seed_is_kept_and_several_pictures_differ() {
    let (_data, server) = server();
    let files = |more: &Value| {
        let answer = generate(&server, more).json();
        let data = answer["data"].as_array().unwrap().clone();
        data.iter().map(|one| one["b64_json"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let pair = files(&json!({"seed": 5, "n": 2, "response_format": "b64_json"}));
    let second = files(&json!({"seed": 6, "response_format": "b64_json"}));
    assert_ne!(pair[0], pair[1]);
    assert_eq!(pair[1], second[0], "picture i has seed + i");
}

#[test]
fn hd_takes_twice_the_steps() {
    let (_data, server) = server();
    let steps = |more: Value| {
        let mut asked = more;
        asked["response_format"] = json!("b64_json");
        let answer = generate(&server, &asked).json();
        let file = base64_bytes(answer["data"][0]["b64_json"].as_str().unwrap());
        let reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let text = reader.info().uncompressed_latin1_text[0].text.clone();
        text.split_once("Steps: ").unwrap().1.split(',').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!((steps(json!({})), steps(json!({"quality": "hd"})), steps(json!({"steps": 3}))), (4, 8, 3));
}

#[test]
fn previews_are_pictures_and_come_before_the_end() {
    let (_data, server) = server();
    let answer = generate(&server, &json!({"stream": true, "partial_images": 2, "size": "128x128"}));
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let text = String::from_utf8(answer.body).unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let (partial, completed) = ("image_generation.partial_image", "image_generation.completed");
    assert_eq!(kinds, [partial, partial, completed]);
    for event in &events {
        let bytes = base64_bytes(event["b64_json"].as_str().unwrap());
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 128);
    }
    assert_eq!(
        (events[1]["partial_image_index"].as_u64(), events[2]["size"].as_str()),
        (Some(1), Some("128x128"))
    );
}

#[test]
fn clients_of_models_that_answer_files_only_get_files() {
    let (_data, server) = server();
    let kind = |more: Value| {
        let answer = generate(&server, &more);
        assert_eq!(answer.status, 200, "{more}");
        answer.json()["data"][0].as_object().unwrap().keys().next().unwrap().clone()
    };
    for model in [
        "gpt-image-1",
        "gpt-image-1-mini",
        "gpt-image-2.5-flare",
        "chatgpt-image-latest",
        "openai/gpt-image-1",
    ] {
        assert_eq!(kind(json!({"model": model, "steps": 1})), "b64_json", "{model}");
        assert_eq!(kind(json!({"model": model, "steps": 1, "response_format": null})), "b64_json", "{model}");
        assert_eq!(
            kind(json!({"model": model, "steps": 1, "response_format": "url"})),
            "url",
            "as it was asked"
        );
        let known = server.get(&format!("/v1/models/{}", model.replace('/', "%2F")));
        assert_eq!((known.status, known.json()["id"].as_str()), (200, Some(model)), "generate takes it");
    }
    for model in ["dall-e-2", "dall-e-3", "fulmen-demo", "my-gpt-image"] {
        assert_eq!(kind(json!({"model": model, "steps": 1})), "url", "{model}");
    }
    assert_eq!(kind(json!({"steps": 1, "response_format": "base64"})), "b64_json", "together's word");
    assert_eq!(server.get("/v1/models/dall-e-3").json()["fulmen"]["drawn_by"], "fulmen-demo");
    // Whatever a request may name is there, with its slashes as they are, too.
    for name in ["sdxl", "openai/fulmen-demo", "black-forest-labs/FLUX.1-dev", "a%20b"] {
        let known = server.get(&format!("/v1/models/{name}"));
        assert_eq!(
            (known.status, known.json()["id"].as_str()),
            (200, Some(&*name.replace("%20", " "))),
            "{name}"
        );
    }
    assert_eq!(server.get(&format!("/v1/models/{}", "x".repeat(1001))).status, 404);
    assert_eq!(server.get("/v1/models/a%1bb").status, 404);
}

#[test]
fn a_size_may_be_said_in_every_way_that_clients_say_it() {
    let (_data, server) = server();
    for (more, size) in [
        (json!({"size": "72*64"}), "72x64"),
        (json!({"size": null, "width": 64, "height": 72}), "64x72"),
        (json!({"width": 72}), "72x64"),
        (json!({"size": "auto", "width": 64, "height": 72}), "64x72"),
    ] {
        let mut asked = json!({"steps": 1});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = generate(&server, &asked).json();
        assert_eq!(answer["size"], size, "{more}");
        let file = get(answer["data"][0]["url"].as_str().unwrap()).unwrap().body;
        let picture = image::load_from_memory(&file).unwrap();
        assert_eq!(format!("{}x{}", picture.width(), picture.height()), size, "{more}");
    }
    let large = generate(&server, &json!({"size": "3840x2160"})).json()["error"]["message"].clone();
    assert!(large.as_str().unwrap().contains("2048x1152 has its shape"), "{large}");
}

#[test]
fn quality_is_answered_as_it_was_asked() {
    let (_data, server) = server();
    for quality in ["standard", "hd", "auto", "low", "medium", "high", "xhigh", "max"] {
        assert_eq!(generate(&server, &json!({"quality": quality})).json()["quality"], quality);
    }
}

#[test]
fn what_is_wrong_names_its_field() {
    let (_data, server) = server();
    for (asked, field) in [
        (json!({"prompt": ""}), "prompt"),
        (json!({"n": 0}), "n"),
        (json!({"n": 11}), "n"),
        (json!({"size": "1024"}), "size"),
        (json!({"size": "1023x1024"}), "size"),
        (json!({"size": "99999999999999999999x64"}), "size"),
        (json!({"response_format": "file"}), "response_format"),
        (json!({"quality": "best"}), "quality"),
        (json!({"style": "wild"}), "style"),
        (json!({"image": "https://example.com/a.png"}), "image"),
        (json!({"output_format": "gif"}), "output_format"),
        (json!({"model": 3}), "model"),
    ] {
        let answer = generate(&server, &asked);
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["param"].as_str()), (400, Some(field)), "{asked}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
    }
    let not_json =
        ureq::post(format!("{}/v1/images/generations", server.url)).content_type("text/plain").send("{}");
    assert!(matches!(not_json, Err(ureq::Error::StatusCode(415))), "{not_json:?}");
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--queue", "0"]);
    std::thread::scope(|scope| {
        let long =
            scope.spawn(|| generate(&server, &json!({"size": "1024x1024", "n": 4, "steps": 60})).status);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while server.get("/v1/jobs").json()["data"].as_array().unwrap().is_empty() {
            assert!(std::time::Instant::now() < end, "nothing is drawn");
        }
        let busy = generate(&server, &json!({"steps": 1}));
        assert_eq!(busy.status, 503);
        let after: u64 = busy.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(after >= 1);
        assert_eq!(busy.json()["error"]["code"], "queue_full");
        assert_eq!(long.join().unwrap(), 200);
    });
}

fn base64_bytes(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}
