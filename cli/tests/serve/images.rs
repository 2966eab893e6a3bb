//! `/v1/images`: from a prompt to a published picture, and what is refused.

use serde_json::{Value, json};

use super::server::{Answer, Server, delete, get};

/// A server, and an image that it drew.
fn drawn() -> (tempfile::TempDir, Server, Value) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let answer = imagine(&server, &json!({"seed": 7}));
    assert_eq!(answer.status, 201);
    (data, server, answer.json())
}

/// Asks for a small picture, with these members more or other.
fn imagine(server: &Server, more: &Value) -> Answer {
    let mut asked = json!({"name": "Cat Image", "prompt": "a red circle on a blue background", "width": 64, "height": 64});
    for (key, value) in more.as_object().unwrap() {
        asked[key] = value.clone();
    }
    server.post("/v1/images/imagine", &asked)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn an_image_has_exactly_the_documented_members() {
    let (_data, server, image) = drawn();
    let mut members: Vec<&String> = image.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["created_at", "format", "height", "id", "name", "size", "url", "width"]);
    let id = text(&image, "id").strip_prefix("image_").unwrap();
    assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{id}");
    assert_eq!((text(&image, "name"), text(&image, "format")), ("Cat Image", "png"));
    assert!(image["url"].is_null());
    let created = text(&image, "created_at");
    assert!(created.len() == 24 && created.ends_with('Z') && created.as_bytes()[19] == b'.', "{created}");
    assert_eq!(server.get(&format!("/v1/images/{}", text(&image, "id"))).json(), image);
}

#[test]
fn without_a_size_the_documented_one_is_drawn() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let image = server.post("/v1/images/imagine", &json!({"name": "n", "prompt": "a house"})).json();
    assert_eq!((image["width"].as_u64(), image["height"].as_u64()), (Some(1024), Some(1024)));
    let file = server.get(&format!("/v1/images/{}/download", text(&image, "id")));
    let picture = image::load_from_memory(&file.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (1024, 1024));
    assert_eq!(file.headers["content-type"], "image/png");
}

#[test]
fn the_same_seed_draws_the_same_picture() {
    let (_data, server, image) = drawn();
    let again = imagine(&server, &json!({"seed": 7})).json();
    let file = |image: &Value| server.get(&format!("/v1/images/{}/download", text(image, "id"))).body;
    assert_eq!(file(&again), file(&image));
    let other = imagine(&server, &json!({"seed": 8})).json();
    assert_ne!(file(&other), file(&image));
}

#[test]
fn a_published_image_can_be_seen_until_it_is_unpublished() {
    let (_data, server, image) = drawn();
    let path = format!("/v1/images/{}", text(&image, "id"));
    let published = server.post(&format!("{path}/publish"), &json!({}));
    assert_eq!(published.status, 201);
    let url = text(&published.json(), "url").to_owned();
    assert!(url.starts_with(&server.url), "{url}");
    let seen = get(&url).unwrap();
    assert_eq!(seen.status, 200);
    // The same pixels, in a file that tells nothing of what was asked.
    let own = server.get(&format!("{path}/download")).body;
    assert_eq!(own.len() as u64, image["size"].as_u64().unwrap());
    assert!(seen.body.len() < own.len(), "{} of {} bytes", seen.body.len(), own.len());
    let pixels = |file: &[u8]| image::load_from_memory(file).unwrap().into_rgb8();
    assert_eq!(pixels(&seen.body), pixels(&own));
    let unpublished = server.post(&format!("{path}/unpublish"), &json!({}));
    assert!(unpublished.status == 201 && unpublished.json()["url"].is_null());
    assert_eq!(get(&url).unwrap().status, 404);
}

#[test]
fn a_deleted_image_is_gone() {
    let (_data, server, image) = drawn();
    let path = format!("/v1/images/{}", text(&image, "id"));
    let url = format!("{}{path}", server.url);
    let deleted = delete(&url).unwrap();
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(delete(&url).unwrap().status, 404);
}

#[test]
fn the_list_goes_from_page_to_page_and_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for name in ["1", "2", "3", "4", "5"] {
        assert_eq!(imagine(&server, &json!({"name": name, "steps": 1})).status, 201);
    }
    let names = |page: &Value| {
        let images = page["data"].as_array().unwrap();
        images.iter().map(|image| text(image, "name").to_owned()).collect::<Vec<_>>()
    };
    let first = server.get("/v1/images?take=2").json();
    assert_eq!(names(&first), ["5", "4"]);
    assert!(first["links"]["previous"].is_null());
    let second = get(text(&first["links"], "next")).unwrap().json();
    assert_eq!(names(&second), ["3", "2"]);
    let third = get(text(&second["links"], "next")).unwrap().json();
    assert_eq!((names(&third), &third["links"]["next"]), (vec!["1".to_owned()], &Value::Null));
    assert_eq!(names(&get(text(&second["links"], "previous")).unwrap().json()), ["5", "4"]);
}

#[test]
fn what_is_wrong_is_told_in_the_documented_shape() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for (asked, field) in [
        (json!({"name": null}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"prompt": 7}), "prompt"),
        (json!({"seed": 1.5}), "seed"),
        (json!({"seed": "1"}), "seed"),
        (json!({"seed": -2}), "seed"),
        (json!({"negative_prompt": false}), "negative_prompt"),
        (json!({"width": 65}), "width"),
    ] {
        let answer = imagine(&server, &asked);
        let error = answer.json();
        assert_eq!((answer.status, error["status"].as_u64()), (400, Some(400)), "{asked}");
        assert_eq!(text(&error, "error"), "Bad Request");
        assert!(
            text(&error, "type").is_ascii() && error["errors"][0].as_str().unwrap().starts_with(field),
            "{error}"
        );
    }
    let missing = server.get("/v1/images/image_000000000000000000000000");
    assert_eq!((missing.status, missing.json()["error"].as_str()), (404, Some("Not Found")));
    assert_eq!(server.get("/v1/images?take=0").status, 400);
    assert_eq!(server.get("/v1/images?take=101").status, 400);
}

#[test]
fn progress_and_previews_come_as_events() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let asked = json!({"name": "n", "prompt": "a red circle", "width": 128, "height": 128, "previews": 8});
    let answer = ureq::post(format!("{}/v1/images/imagine", server.url))
        .header("Accept", "text/event-stream")
        .content_type("application/json")
        .send(asked.to_string())
        .unwrap()
        .into_body()
        .read_to_string()
        .unwrap();
    let events: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let of = |kind: &str| events.iter().filter(|event| **event == kind).count();
    assert_eq!(
        (of("queued"), of("step"), of("preview"), of("image"), of("error")),
        (1, 4, 3, 1, 0),
        "{events:?}"
    );
    assert_eq!((events[0], *events.last().unwrap()), ("queued", "image"));
}

#[test]
fn each_key_sees_its_own_images_only() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("keys");
    let made = |name| fulmen_server::new_key(name, Some(&file)).unwrap().key;
    let (ada, bob) = (made("ada"), made("bob"));
    let server = Server::start(&data.path().join("data"), &["--api-keys", file.to_str().unwrap()]);
    let asked =
        json!({"name": "hers", "prompt": "a red circle", "width": 64, "height": 64, "steps": 1}).to_string();
    let mut answer = ureq::post(format!("{}/v1/images/imagine", server.url))
        .header("x-api-key", &ada)
        .content_type("application/json")
        .send(asked)
        .unwrap();
    let image: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let status = |key: &str, path: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let asked =
            agent.get(format!("{}{path}", server.url)).header("Authorization", format!("Bearer {key}"));
        asked.call().unwrap().status().as_u16()
    };
    let path = format!("/v1/images/{}", text(&image, "id"));
    assert_eq!((status(&ada, &path), status(&bob, &path), status("wrong", &path)), (200, 404, 401));
    assert_eq!(status(&bob, &format!("{path}/download")), 404);
}
