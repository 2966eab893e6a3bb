//! Input pictures: announced, sent in a form without a key, kept over a kill, and nobody else's; and what is no picture.

use std::io::Cursor;

use serde_json::{Value, json};

use super::raw::{Raw, ask_with, send};
use super::server::{Server, delete, get};

/// A picture of this size in one colour, as a PNG.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    let image = image::RgbImage::from_pixel(width, height, image::Rgb([200, 30, 40]));
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A form of these fields, and then these files.
pub(crate) fn form(fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = vec![];
    for (name, text) in fields {
        body.extend(
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes(),
        );
    }
    for (name, bytes) in files {
        let head = format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--xyz--\r\n");
    body
}

/// Sends a form.
pub(crate) fn post_form(server: &Server, path: &str, body: &[u8], headers: &[&str]) -> Raw {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=xyz\r\n\
         Content-Length: {}\r\n",
        server.address(),
        body.len()
    );
    headers.iter().for_each(|header| head += &format!("{header}\r\n"));
    send(server, [head.as_bytes(), b"\r\n", body].concat())
}

/// Announces a picture; its id, and the fields of its form.
fn announce(server: &Server) -> (String, Vec<(String, String)>) {
    let answer = server.post("/api/rest/v1/init-image", &json!({"extension": "png"})).json();
    let form = &answer["uploadInitImage"];
    assert_eq!(form["url"], format!("{}/uploads", server.url));
    let fields: Value = serde_json::from_str(form["fields"].as_str().unwrap()).unwrap();
    let fields = fields.as_object().unwrap().iter();
    let fields = fields.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect();
    (form["id"].as_str().unwrap().to_owned(), fields)
}

fn send_file(server: &Server, fields: &[(String, String)], bytes: &[u8]) -> Raw {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    post_form(server, "/uploads", &form(&fields, &[("file", bytes)]), &[])
}

fn init_image(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/rest/v1/init-image/{id}")).json()["init_images_by_pk"].clone()
}

#[test]
fn a_picture_is_announced_sent_looked_at_kept_over_a_kill_and_deleted() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let (id, fields) = announce(&server);
    assert!(init_image(&server, &id).get("url").is_none(), "it has not come");
    let picture = png(60, 40);
    assert_eq!(send_file(&server, &fields, &picture).status, 204);
    assert_eq!(send_file(&server, &fields, &picture).status, 204, "the same again");
    assert_eq!(send_file(&server, &fields, &png(40, 60)).status, 409, "another");
    let url = init_image(&server, &id)["url"].as_str().unwrap().to_owned();
    assert_eq!(get(&url).unwrap().body, picture);
    let (waiting, fields) = announce(&server);

    server.kill();
    let server = Server::start(data.path(), &[]);
    let url = init_image(&server, &id)["url"].as_str().unwrap().to_owned();
    assert_eq!(get(&url).unwrap().body, picture);
    assert_eq!(send_file(&server, &fields, &picture).status, 204, "it was still expected");
    for id in [&id, &waiting] {
        let path = format!("{}/api/rest/v1/init-image/{id}", server.url);
        let deleted = delete(&path).unwrap().json();
        assert_eq!(deleted["delete_init_images_by_pk"]["id"], **id);
        assert_eq!(delete(&path).unwrap().json()["delete_init_images_by_pk"], Value::Null);
    }
    assert_eq!(get(&url).unwrap().status, 404);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    for line in [
        "fulmen_input_pictures_total{kind=\"init\"} 1".to_owned(),
        format!("fulmen_input_picture_bytes_total{{kind=\"init\"}} {}", picture.len()),
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line} is not in: {metrics}");
    }
}

#[test]
fn a_form_without_its_fields_or_with_others_is_not_let_in() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let (_, fields) = announce(&server);
    let (_, others) = announce(&server);
    let value =
        |of: &[(String, String)], name: &str| of.iter().find(|(key, _)| key == name).unwrap().1.clone();
    let with = |name: &str, text: String| {
        let changed = fields
            .iter()
            .map(|(key, old)| (key.clone(), if key == name { text.clone() } else { old.clone() }));
        changed.collect::<Vec<_>>()
    };
    let picture = png(8, 8);
    for changed in [
        with("signature", value(&others, "signature")),
        with("key", value(&others, "key")),
        with("expires", "99999999999".into()),
        with("signature", String::new()),
        with("key", "uploads/../x.png".into()),
    ] {
        let answer = send_file(&server, &changed, &picture);
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("access-denied")), "{changed:?}");
    }
    let missing = send_file(&server, &fields[..2], &picture);
    assert_eq!(missing.status, 400);
    let all: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(post_form(&server, "/uploads", &form(&all, &[]), &[]).json()["path"], "$.file");
    assert_eq!(server.post("/uploads", &json!({"key": "a"})).status, 400, "JSON has no files");
    assert_eq!(send_file(&server, &fields, &picture).status, 204, "nothing of this cost it its place");
}

#[test]
fn what_is_no_picture_or_lies_costs_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let (_, fields) = announce(&server);
    let good = png(64, 64);
    let mut bomb = good.clone();
    // Width and height of the header, with its checksum.
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    let before = server.memory();
    let hostile: [&[u8]; 9] = [
        b"",
        b"not a picture",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a\x01\x00\x01\x00",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        &good[..good.len() / 2],
        &good[..good.len() - 12],
        &bomb,
        b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff",
    ];
    for bytes in hostile {
        let answer = send_file(&server, &fields, bytes);
        let said = answer.json();
        assert_eq!((answer.status, &said["path"]), (400, &json!("$.file")), "{said}");
        assert!(said["error"].as_str().unwrap().len() > 20, "{said}");
    }
    if let (Some(before), Some(after)) = (before, server.memory()) {
        assert!(after < before + 64, "from {before} to {after} MiB");
    }
    assert_eq!(send_file(&server, &fields, &good).status, 204);
    let large = server.post("/api/rest/v1/init-image", &json!({"extension": "gif"}));
    assert_eq!((large.status, &large.json()["path"]), (400, &json!("$.extension")));
}

#[test]
fn a_form_that_is_none_is_refused_byte_by_byte() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let whole = form(&[("key", "a"), ("expires", "1"), ("signature", "b")], &[("file", b"x")]);
    for body in
        [&b""[..], b"--xyz", b"--xyz\r\n\r\n", b"x--xyz--\r\n", &whole[..whole.len() - 4], &whole[..40]]
    {
        let answer = post_form(&server, "/uploads", body, &[]);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(post_form(&server, "/uploads", &whole, &["Content-Encoding: gzip"]).status, 415);
    assert_eq!(post_form(&server, "/uploads", &whole, &[]).status, 403, "whole, and of nobody");
    let many = form(&vec![("x", "y"); 65], &[]);
    assert!(post_form(&server, "/uploads", &many, &[]).text().contains("64 parts"));
    let long = "x".repeat(300_000);
    assert_eq!(post_form(&server, "/uploads", &form(&[("key", &long)], &[]), &[]).status, 400);
}

#[test]
fn a_key_sees_its_own_pictures_only_and_an_upload_needs_none() {
    let data = tempfile::tempdir().unwrap();
    let keys = data.path().join("keys");
    let key = |name: &str| fulmen_server::new_key(name, Some(&keys)).unwrap().key;
    let (own, other) = (key("anna"), key("bob"));
    let (own, other) = (own.as_str(), other.as_str());
    let server = Server::start(&data.path().join("data"), &["--api-keys", keys.to_str().unwrap()]);
    let asked = r#"{"extension": "png"}"#;
    assert_eq!(ask_with(&server, "POST /init-image", &[], asked).status, 401);
    let announced = ask_with(&server, "POST /init-image", &[&format!("x-api-key: {own}")], asked).json();
    let form = &announced["uploadInitImage"];
    let fields: Value = serde_json::from_str(form["fields"].as_str().unwrap()).unwrap();
    let fields: Vec<(String, String)> = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().unwrap().into()))
        .collect();
    assert_eq!(send_file(&server, &fields, &png(8, 8)).status, 204, "without a key");
    let line = format!("GET /init-image/{}", form["id"].as_str().unwrap());
    let of = |key: &str| {
        ask_with(&server, &line.replace("DELETE", "GET"), &[&format!("x-api-key: {key}")], "").json()
    };
    assert!(of(own)["init_images_by_pk"]["url"].is_string());
    assert_eq!(of(other), json!({"init_images_by_pk": null}));
    let line = line.replace("GET", "DELETE");
    let deleted = ask_with(&server, &line, &[&format!("x-api-key: {other}")], "").json();
    assert_eq!(deleted, json!({"delete_init_images_by_pk": null}));
    assert!(of(own)["init_images_by_pk"]["url"].is_string(), "it is still there");
}
