//! Pictures and lists as browsers, caches and downloads ask for them.

use std::io::Read;

use serde_json::json;
use tempfile::TempDir;

use super::raw::{Raw, ask, ask_with};
use super::server::Server;

/// A server, and the ways to one picture: signed, public, by its id.
fn drawn() -> (TempDir, Server, [String; 3]) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let path = |url: &serde_json::Value| url.as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
    let asked = json!({"prompt": "a red circle", "size": "64x64"});
    let signed = path(&server.post("/v1/images/generations", &asked).json()["data"][0]["url"]);
    let asked = json!({"name": "n", "prompt": "a red circle", "width": 64, "height": 64});
    let image = server.post("/v1/images/imagine", &asked).json();
    let id = image["id"].as_str().unwrap();
    let public = path(&server.post(&format!("/v1/images/{id}/publish"), &json!({})).json()["url"]);
    let download = format!("/v1/images/{id}/download");
    (data, server, [signed, public, download])
}

fn get(server: &Server, path: &str, headers: &[&str]) -> Raw {
    ask(server, &format!("GET {path}"), headers)
}

#[test]
fn a_picture_is_sent_once_and_then_only_confirmed() {
    let (_data, server, paths) = drawn();
    for path in &paths {
        let whole = get(&server, path, &[]);
        assert_eq!((whole.status, whole.header("Accept-Ranges")), (200, Some("bytes")), "{path}");
        let (tag, modified) = (whole.header("ETag").unwrap(), whole.header("Last-Modified").unwrap());
        for condition in [format!("If-None-Match: {tag}"), format!("If-Modified-Since: {modified}")] {
            let again = get(&server, path, &[&condition]);
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {condition}");
            assert_eq!((again.header("ETag"), again.header("Content-Length")), (Some(tag), None));
            assert_eq!(again.header("Cache-Control"), whole.header("Cache-Control"));
        }
        let head = ask(&server, &format!("HEAD {path}"), &[]);
        assert_eq!((head.status, head.body.len(), head.header("ETag")), (200, 0, Some(tag)));
        assert_eq!(head.header("Content-Length"), Some(whole.body.len().to_string().as_str()));
    }
}

#[test]
fn a_picture_comes_in_parts() {
    let (_data, server, paths) = drawn();
    for path in &paths {
        let whole = get(&server, path, &[]).body;
        let length = whole.len();
        let mut joined = vec![];
        for (first, last) in [(0, 9), (10, 99), (100, length - 1)] {
            let part = get(&server, path, &[&format!("Range: bytes={first}-{last}")]);
            assert_eq!(part.status, 206, "{path}");
            assert_eq!(part.header("Content-Range"), Some(format!("bytes {first}-{last}/{length}").as_str()));
            assert_eq!(part.header("Content-Length"), Some(part.body.len().to_string().as_str()));
            joined.extend(part.body);
        }
        assert!(joined == whole, "{path}");
        let beyond = get(&server, path, &[&format!("Range: bytes={length}-")]);
        assert_eq!(
            (beyond.status, beyond.header("Content-Range")),
            (416, Some(format!("bytes */{length}").as_str()))
        );
        assert_eq!(beyond.header("Cache-Control"), Some("no-store"));
        let other = get(&server, path, &["Range: bytes=0-9", "If-Range: \"another\""]);
        assert_eq!((other.status, other.body.len()), (200, length));
    }
}

#[test]
fn what_cannot_change_is_kept_as_long_as_its_link_and_what_can_is_asked_for_again() {
    let (_data, server, [signed, public, download]) = drawn();
    let cache = |path: &str| get(&server, path, &[]).header("Cache-Control").unwrap().to_owned();
    let kept = cache(&signed);
    let seconds = kept.strip_prefix("private, max-age=").and_then(|rest| rest.strip_suffix(", immutable"));
    let seconds: u64 = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| panic!("{kept}"));
    assert!((3000..=3600).contains(&seconds), "{kept}");
    assert_eq!(cache(&public), "public, no-cache");
    assert_eq!(cache(&download), "private, no-cache");
    let id = download.split('/').nth(3).unwrap();
    let tag = get(&server, &public, &[]).header("ETag").unwrap().to_owned();
    server.post(&format!("/v1/images/{id}/unpublish"), &json!({}));
    assert_eq!(
        get(&server, &public, &[&format!("If-None-Match: {tag}")]).status,
        404,
        "no cache may show it now"
    );
}

#[test]
fn lists_and_descriptions_come_in_gzip_for_who_reads_it_and_pictures_and_events_do_not() {
    let (_data, server, paths) = drawn();
    let plain = get(&server, "/openapi.json", &[]);
    let zipped = get(&server, "/openapi.json", &["Accept-Encoding: br, gzip;q=0.5"]);
    assert_eq!((plain.header("Content-Encoding"), zipped.header("Content-Encoding")), (None, Some("gzip")));
    assert_eq!(
        (plain.header("Vary"), zipped.header("Vary")),
        (Some("Accept-Encoding"), Some("Accept-Encoding"))
    );
    let mut text = vec![];
    flate2::read::GzDecoder::new(&zipped.body[..]).read_to_end(&mut text).unwrap();
    assert!(
        text == plain.body && zipped.body.len() * 4 < text.len(),
        "{} of {}",
        zipped.body.len(),
        text.len()
    );
    assert_eq!(
        get(&server, "/openapi.json", &["Accept-Encoding: gzip;q=0"]).header("Content-Encoding"),
        None
    );
    for path in &paths {
        assert_eq!(get(&server, path, &["Accept-Encoding: gzip"]).header("Content-Encoding"), None, "{path}");
    }
    let body = r#"{"name": "n", "prompt": "a red circle", "width": 64, "height": 64}"#;
    let headers = ["Accept: text/event-stream", "Accept-Encoding: gzip"];
    let events = ask_with(&server, "POST /v1/images/imagine", &headers, body);
    assert_eq!((events.status, events.header("Content-Encoding")), (200, None));
    assert_eq!(events.header("X-Accel-Buffering"), Some("no"));
    assert!(events.text().contains("event: image"));
}

#[test]
fn a_compressed_body_is_refused_in_so_many_words() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = r#"{"prompt": "a red circle"}"#;
    for path in ["/v1/images/generations", "/v1/images/imagine", "/generations"] {
        let answer = ask_with(&server, &format!("POST {path}"), &["Content-Encoding: gzip"], body);
        assert_eq!(answer.status, 415, "{path}");
        assert!(answer.text().contains("compressed") && answer.text().contains("gzip"), "{}", answer.text());
        let marked = ask_with(&server, &format!("POST {path}"), &[], &format!("\u{feff}{body}"));
        assert!(marked.status == 400 && marked.text().contains("byte order mark"), "{}", marked.text());
    }
}
