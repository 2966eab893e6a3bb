//! What files say of how they were drawn, and to whom.

use serde_json::{Value, json};

use super::server::{Answer, Server, get};

const PROMPT: &str = "a secret wish";

/// Whether a file says anything of what was asked for: as PNG holds it, and as JPEG and WebP do.
fn tells(file: &[u8]) -> bool {
    let wide: Vec<u8> = PROMPT.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let has = |words: &[u8]| file.windows(words.len()).any(|window| window == words);
    let tells = has(PROMPT.as_bytes()) || has(&wide);
    let wide: Vec<u8> = "Seed: 1234567".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(has(b"Seed: 1234567") || has(&wide), tells, "the prompt and the rest stand together");
    tells
}

fn pixels(file: &[u8]) -> Vec<u8> {
    image::load_from_memory(file).unwrap().to_rgb8().into_raw()
}

/// A small image under a name, with these members more.
fn imagine(server: &Server, more: &Value) -> Value {
    let mut asked = json!({"name": "wish", "prompt": PROMPT, "seed": 1_234_567, "width": 64, "height": 64});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.post("/v1/images/imagine", &asked);
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

fn path(image: &Value, what: &str) -> String {
    format!("/v1/images/{}/{what}", image["id"].as_str().unwrap())
}

/// The file behind a link of OpenAI's family.
fn linked(server: &Server, more: &Value) -> Vec<u8> {
    let mut asked = json!({"prompt": PROMPT, "seed": 1_234_567, "size": "64x64", "response_format": "url"});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.post("/v1/images/generations", &asked).json();
    get(answer["data"][0]["url"].as_str().unwrap()).unwrap().body
}

/// The file of a generation.
fn generated(server: &Server, public: bool) -> Answer {
    let asked = json!({
        "prompt": PROMPT, "seed": 1_234_567, "num_images": 1, "width": 64, "height": 64, "public": public,
        "presetStyle": "NONE",
    });
    let begun = server.post("/generations", &asked).json();
    let id = begun["sdGenerationJob"]["generationId"].as_str().unwrap();
    for _ in 0..1000 {
        let generation = server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone();
        if generation["status"] != "PENDING" {
            return get(generation["generated_images"][0]["url"].as_str().unwrap()).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("it is not drawn");
}

#[test]
fn what_is_published_tells_nothing_and_its_owner_keeps_everything() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let image = imagine(&server, &json!({}));
    let own = server.get(&path(&image, "download")).body;
    assert!(tells(&own));
    let published = server.post(&path(&image, "publish"), &json!({})).json();
    let shown = get(published["url"].as_str().unwrap()).unwrap();
    assert_eq!((shown.status, tells(&shown.body)), (200, false));
    assert_eq!(shown.headers["content-length"].to_str().unwrap(), shown.body.len().to_string());
    assert!(shown.body.len() < own.len() && pixels(&shown.body) == pixels(&own));
    let tag = shown.headers["etag"].to_str().unwrap().to_owned();
    let again = get(published["url"].as_str().unwrap()).unwrap();
    assert_eq!(again.headers["etag"], *tag, "the same file each time");
    assert!(server.get(&path(&image, "download")).body == own);
    assert_eq!(published["size"], json!(own.len()), "the size is that of the owner's file");

    let public = generated(&server, true);
    assert_eq!((public.status, tells(&public.body)), (200, false));
    let private = generated(&server, false).body;
    assert!(tells(&private) && pixels(&private) == pixels(&public.body));
}

#[test]
fn a_request_decides_for_its_files_whatever_their_kind() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for format in ["png", "jpeg", "webp"] {
        assert!(tells(&linked(&server, &json!({"output_format": format}))), "{format}");
        assert!(tells(&linked(&server, &json!({"output_format": format, "png_text": "full"}))), "{format}");
        assert!(!tells(&linked(&server, &json!({"output_format": format, "png_text": "none"}))), "{format}");
    }
    let image = imagine(&server, &json!({"png_text": "none"}));
    assert!(!tells(&server.get(&path(&image, "download")).body));
    let asked = json!({"name": "a", "prompt": "a", "png_text": "some"});
    assert_eq!(server.post("/v1/images/imagine", &asked).status, 400);
}

#[test]
fn the_option_decides_where_a_request_does_not() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--png-text", "none"]);
    assert!(!tells(&linked(&server, &json!({}))));
    assert!(tells(&linked(&server, &json!({"png_text": "full"}))));
    assert!(!tells(&generated(&server, false).body));
    let image = imagine(&server, &json!({}));
    assert!(!tells(&server.get(&path(&image, "download")).body));
}
