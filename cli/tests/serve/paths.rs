//! Paths as clients with a wrong base URL write them, and errors in the shape of the family they belong to.

use serde_json::{Value, json};

use super::server::{Answer, Server, delete, get, post};

fn server() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    (data, server)
}

/// The sentence of an error in OpenAI's shape.
fn sentence(answer: &Answer) -> String {
    let body = answer.json();
    body["error"]["message"].as_str().unwrap_or_else(|| panic!("not OpenAI's shape: {body}")).to_owned()
}

/// `method`, a path and a body of this type, whatever it is.
fn send(server: &Server, path: &str, (kind, body): (&str, &str)) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent.post(format!("{}{path}", server.url)).content_type(kind).send(body).unwrap();
    let (parts, mut body) = answer.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
}

#[test]
fn a_base_url_without_its_version_or_with_it_twice_draws() {
    let (_data, server) = server();
    let asked = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    for path in [
        "/images/generations",
        "/v1/v1/images/generations",
        "/v1/images/generations/",
        "//v1//images/generations",
        "/api/v1/v1/images/generations",
    ] {
        assert_eq!(server.post(path, &asked).status, 200, "{path}");
    }
    for path in ["/models", "/v1/v1/models/", "/models/fulmen-demo", "/v1/models/fulmen-demo/"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("//").headers["content-type"], "text/html; charset=utf-8");
}

#[test]
fn a_picture_to_draw_over_is_missed_in_the_words_of_the_family_that_asks() {
    let (_data, server) = server();
    let form = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na hat\r\n--b--\r\n";
    for prefix in ["", "/v1", "/api", "/api/v1", "/v1/v1"] {
        for what in ["edits", "variations"] {
            let path = format!("{prefix}/images/{what}");
            for body in
                [("multipart/form-data; boundary=b", form), ("application/json", r#"{"prompt": "a hat"}"#)]
            {
                let answer = send(&server, &path, body);
                assert_eq!(answer.status, 400, "{path}");
                let said = sentence(&answer);
                assert!(said.starts_with("`image` is missing"), "{path}: {said}");
            }
            assert_eq!(send(&server, &path, ("text/plain", "")).status, 415, "{path}");
            for answer in [get(&format!("{}{path}", server.url)), delete(&format!("{}{path}", server.url))] {
                let answer = answer.unwrap();
                assert_eq!(
                    (answer.status, answer.headers["allow"].to_str().unwrap()),
                    (405, "POST, OPTIONS")
                );
                assert!(sentence(&answer).contains("takes POST"), "{path}");
            }
        }
    }
}

#[test]
fn what_is_not_here_says_what_was_asked_and_what_is() {
    let (_data, server) = server();
    for (path, words) in [
        ("/sdapi/v1/txt2img", "AUTOMATIC1111"),
        ("/v1/chat/completions", "no language model"),
        ("/v1/responses", "no language model"),
        ("/prompt", "ComfyUI"),
        ("/openai/deployments/x/images/generations", "it may be `/v1/images/generations`"),
        ("/v1/imagine", "there is nothing at `/v1/imagine`"),
    ] {
        for answer in [server.get(path), server.post(path, &json!({}))] {
            assert_eq!(answer.status, 404, "{path}");
            let said = sentence(&answer);
            assert!(
                said.contains(words) && said.contains(path) && said.contains("/v1/images/generations"),
                "{said}"
            );
        }
    }
}

/// Which family an error's shape is of.
fn shape(body: &Value) -> &'static str {
    match (&body["error"], &body["status"], &body["path"]) {
        (Value::Object(_), ..) => "OpenAI",
        (Value::String(_), Value::Number(_), _) => "images",
        (Value::String(_), _, Value::String(_)) => "Leonardo",
        _ => panic!("no family's: {body}"),
    }
}

#[test]
fn every_error_has_the_shape_of_its_path() {
    let data = tempfile::tempdir().unwrap();
    let keys = data.path().join("keys");
    fulmen_server::new_key("ada", Some(&keys)).unwrap();
    let server = Server::start(&data.path().join("data"), &["--api-keys", keys.to_str().unwrap()]);
    for (path, family) in [
        ("/v1/images", "images"),
        ("/v1/images/imagine", "images"),
        ("/v1/images/image_000000000000000000000000/resize", "images"),
        ("/v1/images/generations", "OpenAI"),
        ("/api/images/edits", "OpenAI"),
        ("/v1/models", "OpenAI"),
        ("/generations", "Leonardo"),
        ("/generations/7/8/9", "Leonardo"),
        ("/api/rest/v1/init-image", "Leonardo"),
        ("/api/rest/v1/me/", "Leonardo"),
        ("/nothing", "OpenAI"),
    ] {
        let url = format!("{}{path}", server.url);
        for answer in [get(&url), post(&url, &json!({})), delete(&url)] {
            let answer = answer.unwrap();
            assert!([401, 404, 405].contains(&answer.status), "{path}: {}", answer.status);
            assert_eq!(shape(&answer.json()), family, "{path}: {}", answer.status);
        }
    }
}

#[test]
fn a_wrong_type_of_body_is_refused_in_the_shape_of_its_path() {
    let (_data, server) = server();
    for (path, family) in [
        ("/v1/images/imagine", "images"),
        ("/v1/images/generations", "OpenAI"),
        ("/api/rest/v1/generations", "Leonardo"),
    ] {
        let answer = send(&server, path, ("text/plain", "prompt=a"));
        assert_eq!((answer.status, shape(&answer.json())), (415, family), "{path}");
    }
}
