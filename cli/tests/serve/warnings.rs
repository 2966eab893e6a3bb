//! What a request asks for and does not get is told: in the answer, in headers, in the log, in events.

use serde_json::{Value, json};

use super::server::{Answer, Server};

/// More than 75 tokens, in letters that no header can hold.
fn long_prompt() -> String {
    "a red circle on a blue background, красный круг, ".repeat(12)
}

/// A server that reads 75 tokens of a prompt.
fn server() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--long-prompts", "cut"]);
    (data, server)
}

/// The headers that warn.
fn headers(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("x-fulmen-warning").iter().map(|value| value.to_str().unwrap()).collect()
}

/// Whether one sentence begins so.
fn says(sentences: &Value, begin: &str) -> bool {
    sentences.as_array().unwrap().iter().any(|said| said.as_str().unwrap().starts_with(begin))
}

fn generate(server: &Server, more: &Value) -> Answer {
    let mut asked = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.post("/v1/images/generations", &asked)
}

/// The generation of this id, once it is drawn.
fn drawn(server: &Server, id: &str) -> Value {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let found = server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone();
        if found["status"] != "PENDING" {
            return found;
        }
        assert!(std::time::Instant::now() < end, "it is not drawn: {found}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_request_that_gets_what_it_asks_for_is_answered_as_documented() {
    let (_data, server) = server();
    let answer =
        generate(&server, &json!({"model": "fulmen-demo", "style": "vivid", "background": "opaque"}));
    assert!(headers(&answer).is_empty() && answer.json().get("warnings").is_none(), "{answer:?}");
    let begun = server.post("/generations", &json!({"prompt": "a red circle", "width": 64, "height": 64}));
    assert!(headers(&begun).is_empty() && begun.json()["sdGenerationJob"].get("warnings").is_none());
    assert!(!server.log().contains("has a warning"), "{}", server.log());
}

#[test]
fn a_prompt_that_is_cut_is_told_in_every_family() {
    let (_data, server) = server();
    let prompt = long_prompt();
    let links = generate(&server, &json!({"prompt": prompt}));
    assert!(says(&links.json()["warnings"], "`prompt` is longer than 75 tokens"), "{:?}", links.json());

    let asked = json!({"name": "n", "prompt": prompt, "width": 64, "height": 64, "steps": 1});
    let image = server.post("/v1/images/imagine", &asked);
    assert_eq!(image.json().as_object().unwrap().len(), 8, "the documented object has no room for more");

    let asked = json!({"prompt": prompt, "width": 64, "height": 64, "num_images": 1});
    let begun = server.post("/generations", &asked);
    let told = begun.json()["sdGenerationJob"]["warnings"].clone();
    assert!(says(&told, "`prompt` is cut before"), "{told}");
    let id = begun.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
    assert_eq!(drawn(&server, &id)["warnings"], told, "who asks later is told, too");

    for answer in [&links, &image, &begun] {
        let told = headers(answer);
        assert!(told.iter().any(|told| told.starts_with("`prompt` is")), "{told:?}");
    }
    let log = server.log();
    assert_eq!(log.matches("has a warning").count(), 3, "{log}");
    assert!(!log.contains("circle") && !log.contains("круг"), "the log holds no prompt: {log}");
}

#[test]
fn prompts_are_read_as_the_request_says_and_else_as_the_server_was_started() {
    let (_data, server) = server();
    let picture = |more: Value| {
        let prompt = format!("{}, (a blue square:1.6)", long_prompt());
        let mut asked =
            json!({"prompt": prompt, "seed": 3, "response_format": "b64_json", "png_text": "none"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = generate(&server, &asked).json();
        (answer["data"][0]["b64_json"].as_str().unwrap().to_owned(), answer.get("warnings").is_some())
    };
    let (cut, is_told) = picture(json!({}));
    assert!(is_told, "as the server was started");
    let (whole, is_told) = picture(json!({"long_prompts": "chunk"}));
    assert!(whole != cut && !is_told, "all of it is read");
    let (plain, _) = picture(json!({"long_prompts": "chunk", "prompt_syntax": "plain"}));
    assert!(plain != whole, "weights are words");
}

#[test]
fn what_was_told_outlives_the_server() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let asked =
        json!({"prompt": "a red circle", "width": 64, "height": 64, "num_images": 1, "modelId": "nobody"});
    let begun = server.post("/generations", &asked).json();
    let id = begun["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
    server.kill();
    let server = Server::start(data.path(), &[]);
    assert!(says(
        &drawn(&server, &id)["warnings"],
        "`modelId`: \"nobody\" is not loaded here; fulmen-demo draws"
    ));
}

#[test]
fn members_that_change_nothing_are_told_by_their_own_names() {
    let (_data, server) = server();
    let inert = json!({
        "model": "dall-e-3", "background": "green", "moderation": "low",
        "output_compression": 50, "partial_images": 2, "complexity": "high", "frame_count": 9,
        "negative_prompt": "a dog", "guidance_scale": 7, "seed": 4_294_967_297_u64, "unheard_of": true,
    });
    let told = generate(&server, &inert).json()["warnings"].clone();
    let read = ["guidance_scale", "negative_prompt"];
    for member in inert.as_object().unwrap().keys().filter(|member| !read.contains(&member.as_str())) {
        assert!(says(&told, &format!("`{member}`")), "{member}: {told}");
    }
    let nag = "`guidance_scale` 7 becomes attention guidance away from the negative prompt instead, with a scale of 5";
    assert!(told.to_string().contains(nag), "{told}");
    assert!(!told.to_string().contains("--"), "no word of the command line: {told}");
}

#[test]
fn the_pixels_bear_out_what_is_told() {
    let (_data, server) = server();
    let file = |more: Value| {
        let mut asked = json!({"seed": 7, "response_format": "b64_json"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = generate(&server, &asked);
        (answer.json()["data"][0]["b64_json"].as_str().unwrap().to_owned(), headers(&answer).len())
    };
    let (plain, told) = file(json!({}));
    assert_eq!(told, 0);
    let (guided, told) = file(json!({"guidance_scale": 7}));
    assert_eq!(told, 1, "the demo is distilled");
    let pixels = |file: &str| {
        use base64::Engine as _;
        let bytes = base64::prelude::BASE64_STANDARD.decode(file).unwrap();
        image::load_from_memory(&bytes).unwrap().into_rgb8().into_raw()
    };
    assert!(pixels(&plain) == pixels(&guided), "guidance does not spoil a distilled model");
    let sizes = [1, 100].map(|quality| {
        let (file, told) = file(json!({"output_format": "jpeg", "output_compression": quality}));
        assert_eq!(told, 0, "a JPEG has a quality");
        file.len()
    });
    assert!(sizes[0] * 2 < sizes[1], "{sizes:?}");
}

#[test]
fn a_style_changes_the_picture_of_a_long_prompt_and_not_that_of_a_short_one() {
    let (_data, server) = server();
    let asked = |prompt: &str, style: &str| {
        let asked = json!({
            "prompt": prompt, "presetStyle": style, "width": 64, "height": 64, "num_images": 1, "seed": 7,
        });
        let begun = server.post("/generations", &asked).json();
        let id = begun["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
        let url = drawn(&server, &id)["generated_images"][0]["url"].as_str().unwrap().to_owned();
        image::load_from_memory(&super::server::get(&url).unwrap().body).unwrap().into_rgb8().into_raw()
    };
    let long = "a red circle on a blue background ".repeat(14);
    assert!(asked(&long, "ANIME") != asked(&long, "NONE"), "the words of a style are read");
    let spelled = "a red circle, anime style, clean lines, cel shading";
    assert!(asked("a red circle", "ANIME") == asked(spelled, "NONE"), "they follow a short prompt");
}

#[test]
fn events_tell_it_before_the_picture_and_their_headers_at_once() {
    let (_data, server) = server();
    let asked = json!({
        "name": "n", "prompt": long_prompt(), "negative_prompt": "a dog", "nag_scale": 1, "width": 64, "height": 64,
        "steps": 1,
    });
    let answer = ureq::post(format!("{}/v1/images/imagine", server.url))
        .header("Accept", "text/event-stream")
        .content_type("application/json")
        .send(asked.to_string())
        .unwrap();
    assert_eq!(answer.headers().get_all("x-fulmen-warning").iter().count(), 2);
    let text = answer.into_body().read_to_string().unwrap();
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((&events[..2], events.last()), (&["warning", "warning"][..], Some(&"image")), "{text}");
    assert!(text.contains(r#""member":"negative_prompt""#), "{text}");

    let stream = generate(&server, &json!({"stream": true, "moderation": "low"}));
    assert_eq!(headers(&stream).len(), 1);
    let text = String::from_utf8(stream.body).unwrap();
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| Some(serde_json::from_str(line.strip_prefix("data: ")?).unwrap()))
        .collect();
    assert_eq!(data.len(), 1, "no event that clients of this family do not know: {text}");
    assert!(says(&data[0]["warnings"], "`moderation`"), "{text}");
}

#[test]
fn no_prompt_can_write_a_header() {
    let (_data, server) = server();
    let prompt = format!("{}\r\nSet-Cookie: a=b\r\n\r\n<html>", "word ".repeat(75));
    let answer =
        generate(&server, &json!({"prompt": prompt, "model": "x\r\nX-Injected: 1", "a\r\nX-More: 1": 1}));
    assert_eq!(answer.status, 200);
    assert_eq!(headers(&answer).len(), 3);
    for name in ["set-cookie", "x-injected", "x-more"] {
        assert!(answer.headers.get(name).is_none(), "{name}");
    }
}

#[test]
fn the_hub_tells_of_members_that_change_nothing_in_either_envelope() {
    let (_data, server) = server();
    let options = json!({"size": "64x64", "steps": 1, "stream": true, "response_format": "b64_json", "foo": 1, "bar": null});
    let asked = json!({"input": {"prompt": "a red circle", "bogus": 1, "modelOptions": options}, "zap": 1, "options": {"a": 1}});
    let answer = server.post("/api/v2/image", &asked);
    assert_eq!((answer.status, answer.json()["images"][0]["type"].as_str()), (200, Some("url")));
    let told = answer.json()["warnings"].clone();
    for begin in ["`stream` has no effect here", "`response_format` has no effect here"] {
        assert!(says(&told, begin), "{told}");
    }
    assert!(says(&told, "`input.modelOptions.foo`, `input.bogus`, `zap` are not known here"), "{told}");
    assert_eq!(told.as_array().unwrap().len(), 3, "{told}");
    let quiet = json!({"input": {"prompt": "a red circle", "modelOptions": {"size": "64x64", "steps": 1}}});
    assert!(server.post("/api/v2/image", &quiet).json().get("warnings").is_none());
}
