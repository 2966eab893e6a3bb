//! Pictures from pictures: what a mask keeps is kept to the bit, links of this server are taken and no others, what is
//! pending at a kill is drawn again from its pictures, and nobody else's can be used.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::raw::{ask, ask_with};
use super::server::{Answer, Server, get};
use super::uploads::{form, png, post_form};

const SIDE: u32 = 128;

/// A picture whose every pixel is another.
fn gradient() -> image::RgbImage {
    image::RgbImage::from_fn(SIDE, SIDE, |x, y| image::Rgb([x as u8 * 2, y as u8 * 2, (x ^ y) as u8]))
}

fn encoded(image: &image::DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A mask that is transparent in its middle.
fn mask() -> Vec<u8> {
    let hole = |x: u32, y: u32| (32..96).contains(&x) && (32..96).contains(&y);
    let pixel = |x, y| image::Rgba([0, 0, 0, if hole(x, y) { 0 } else { 255 }]);
    encoded(&image::RgbaImage::from_fn(SIDE, SIDE, pixel).into())
}

/// The picture of an answer in base64.
fn picture(answer: &Value) -> image::RgbImage {
    let text = answer["data"][0]["b64_json"].as_str().unwrap_or_else(|| panic!("{answer}"));
    image::load_from_memory(&BASE64_STANDARD.decode(text).unwrap()).unwrap().into_rgb8()
}

fn server() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    (data, server)
}

/// A picture that was announced and sent; its id.
fn uploaded(server: &Server, bytes: &[u8]) -> String {
    let answer = server.post("/init-image", &json!({"extension": "png"})).json();
    let announced = &answer["uploadInitImage"];
    let fields: Value = serde_json::from_str(announced["fields"].as_str().unwrap()).unwrap();
    let fields: Vec<(&str, &str)> = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
        .collect();
    assert_eq!(post_form(server, "/uploads", &form(&fields, &[("file", bytes)]), &[]).status, 204);
    announced["id"].as_str().unwrap().to_owned()
}

/// The generation of this id, once it is drawn.
fn drawn(server: &Server, id: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone();
        if found["status"] != "PENDING" {
            return found;
        }
        assert!(Instant::now() < end, "it is still pending");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn generate(server: &Server, members: &Value) -> String {
    let mut asked =
        json!({"prompt": "a red circle", "num_images": 1, "width": 128, "height": 128, "seed": 7});
    asked.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = server.post("/generations", &asked);
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned()
}

fn pixels(generation: &Value) -> image::RgbImage {
    let url = generation["generated_images"][0]["url"].as_str().unwrap_or_else(|| panic!("{generation}"));
    image::load_from_memory(&get(url).unwrap().body).unwrap().into_rgb8()
}

#[test]
fn what_a_mask_keeps_is_kept_to_the_bit_in_forms_and_in_json() {
    let (_data, server) = server();
    let (original, mask) = (gradient(), mask());
    let image = encoded(&original.clone().into());
    let fields = [("prompt", "a red circle"), ("response_format", "b64_json"), ("seed", "7")];
    let sent = form(&fields, &[("image", &image), ("mask", &mask)]);
    let of_form = post_form(&server, "/v1/images/edits", &sent, &[]).json();
    let uri = |bytes: &[u8]| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes));
    let body = json!({
        "prompt": "a red circle", "response_format": "b64_json", "seed": 7,
        "images": [{"image_url": uri(&image)}], "mask": {"image_url": uri(&mask)},
    });
    let of_json = server.post("/api/v1/images/edits", &body).json();
    let edited = picture(&of_form);
    assert_eq!(edited, picture(&of_json));
    assert_eq!((edited.dimensions(), &of_form["size"]), (original.dimensions(), &json!("128x128")));
    let mut changed = 0;
    for (x, y, pixel) in edited.enumerate_pixels() {
        if (32..96).contains(&x) && (32..96).contains(&y) {
            changed += usize::from(pixel != original.get_pixel(x, y));
        } else {
            assert_eq!(pixel, original.get_pixel(x, y), "{x} {y}");
        }
    }
    assert!(changed > 2000, "{changed} of 4096");
}

#[test]
fn strength_and_fidelity_say_how_much_of_an_image_stays() {
    let (_data, server) = server();
    let (original, image) = (gradient(), BASE64_STANDARD.encode(encoded(&gradient().into())));
    let far = |members: Value| {
        let mut body = json!({"prompt": "a red circle", "image": image, "seed": 7, "size": "auto", "response_format": "b64_json"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let edited = picture(&server.post("/v1/images/generations", &body).json());
        let differences =
            edited.as_raw().iter().zip(original.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b)));
        differences.sum::<u64>()
    };
    let [little, usual, much] = [json!({"strength": 0.1}), json!({}), json!({"strength": 1.0})].map(far);
    assert!(little < usual && usual < much, "{little} {usual} {much}");
    assert!(far(json!({"input_fidelity": "high"})) < usual);
}

#[test]
fn a_link_is_taken_if_it_is_this_servers_own() {
    let (_data, server) = server();
    let asked = json!({"prompt": "a red circle", "size": "64x64"});
    let link =
        server.post("/v1/images/generations", &asked).json()["data"][0]["url"].as_str().unwrap().to_owned();
    let edit = |image: &str| {
        let body = json!({"prompt": "a blue circle", "image": image});
        let answer = server.post("/v1/images/edits", &body);
        (answer.status, answer.json())
    };
    assert_eq!(edit(&link).0, 200);
    assert_eq!(edit(link.strip_prefix(&server.url).unwrap()).0, 200, "by its path");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let own = &server.url;
    for (image, status) in [
        (format!("http://{}/a.png", listener.local_addr().unwrap()), 400),
        (link.replace(own, "http://example.com"), 400),
        (format!("{own}@example.com/files/a.png"), 400),
        (format!("{own}/v1/models"), 400),
        (format!("{own}/files/a.png"), 403),
        (link.replace("signature=", "signature=0"), 403),
        (format!("{own}/public/{}", link.rsplit('/').next().unwrap()), 400),
        ("file:///etc/passwd".to_owned(), 400),
        ("data:text/plain,hello".to_owned(), 400),
        ("AAAA".to_owned(), 400),
    ] {
        let (answered, said) = edit(&image);
        assert_eq!(answered, status, "{image}: {said}");
        assert!(said["error"]["message"].as_str().unwrap().len() > 20, "{said}");
    }
    assert!(listener.accept().is_err(), "nothing was fetched");
}

#[test]
fn what_is_pending_at_a_kill_is_drawn_again_from_its_pictures() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let id = uploaded(&server, &encoded(&gradient().into()));
    let members = json!({"init_image_id": id, "init_strength": 0.5});
    let undisturbed = pixels(&drawn(&server, &generate(&server, &members)));
    let plain = pixels(&drawn(&server, &generate(&server, &json!({}))));
    assert_ne!(undisturbed, plain);
    let again = generate(&server, &members);
    server.kill();
    let server = Server::start(data.path(), &[]);
    assert_eq!(pixels(&drawn(&server, &again)), undisturbed);
}

#[test]
fn variations_are_shown_with_their_picture_and_go_with_it() {
    let (_data, server) = server();
    let id = generate(&server, &json!({}));
    let generation = drawn(&server, &id);
    let image = generation["generated_images"][0]["id"].as_str().unwrap();
    let mut made = vec![];
    for (kind, member, size, transform) in [
        ("upscale", "sdUpscaleJob", (256, 256), "UPSCALE"),
        ("unzoom", "sdUnzoomJob", (128, 128), "UNZOOM"),
        ("nobg", "sdNobgJob", (128, 128), "NOBG"),
    ] {
        let answer = server.post(&format!("/variations/{kind}"), &json!({"id": image})).json();
        let variation = answer[member]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let end = Instant::now() + Duration::from_secs(60);
        let found = loop {
            let found = server.get(&format!("/variations/{variation}")).json();
            let found = found["generated_image_variation_generic"][0].clone();
            if found["status"] != "PENDING" {
                break found;
            }
            assert!(Instant::now() < end, "{kind} is still pending");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!(
            (&found["status"], &found["transformType"]),
            (&json!("COMPLETE"), &json!(transform)),
            "{found}"
        );
        let file = get(found["url"].as_str().unwrap()).unwrap().body;
        let picture = image::load_from_memory(&file).unwrap();
        assert_eq!((picture.width(), picture.height()), size, "{kind}");
        assert_eq!(picture.color().has_alpha(), kind == "nobg", "{kind}");
        made.push(variation);
    }
    let shown = &drawn(&server, &id)["generated_images"][0]["generated_image_variation_generics"];
    let ids: Vec<&str> = shown.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, made);
    assert_eq!(server.get(&format!("/generations/{}", made[0])).json()["generations_by_pk"], Value::Null);
    assert_eq!(server.post("/variations/upscale", &json!({"id": "none"})).status, 404);
    super::server::delete(&format!("{}/generations/{id}", server.url)).unwrap();
    let gone = server.get(&format!("/variations/{}", made[1])).json();
    assert_eq!(gone["generated_image_variation_generic"], json!([]));
}

#[test]
fn no_key_draws_from_anothers_pictures() {
    let data = tempfile::tempdir().unwrap();
    let keys = data.path().join("keys");
    let key = |name: &str| fulmen_server::new_key(name, Some(&keys)).unwrap().key;
    let (anna, bob) = (key("anna"), key("bob"));
    let server = Server::start(&data.path().join("data"), &["--api-keys", keys.to_str().unwrap()]);
    let ask =
        |key: &str, line: &str, body: &str| ask_with(&server, line, &[&format!("x-api-key: {key}")], body);
    let announced = ask(&anna, "POST /init-image", r#"{"extension": "png"}"#).json();
    let announced = &announced["uploadInitImage"];
    let begin = |key: &str, member: &str, id: &str| {
        let body = json!({"prompt": "a", "num_images": 1, "width": 64, "height": 64, member: id});
        ask(key, "POST /generations", &body.to_string())
    };
    let id = announced["id"].as_str().unwrap();
    let early = begin(&anna, "init_image_id", id);
    assert!(early.status == 400 && early.text().contains("has not come yet"), "{}", early.text());
    let fields: Value = serde_json::from_str(announced["fields"].as_str().unwrap()).unwrap();
    let fields: Vec<(&str, &str)> = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
        .collect();
    assert_eq!(post_form(&server, "/uploads", &form(&fields, &[("file", &png(64, 64))]), &[]).status, 204);
    let made = begin(&anna, "init_image_id", id).json();
    let made = made["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
    let end = Instant::now() + Duration::from_secs(60);
    let image = loop {
        let found = ask(&anna, &format!("GET /generations/{made}"), "").json();
        if let Some(image) = found["generations_by_pk"]["generated_images"][0]["id"].as_str() {
            break image.to_owned();
        }
        assert!(Instant::now() < end, "{found}");
        std::thread::sleep(Duration::from_millis(50));
    };
    // Another's id is answered as one that there is not.
    for (member, id) in [("init_image_id", id), ("init_generation_image_id", &image)] {
        let [theirs, none] = [id, "2c24be5b-0000-4000-8000-000000000000"].map(|id| begin(&bob, member, id));
        assert_eq!((theirs.status, theirs.text()), (400, none.text()));
        assert_eq!(theirs.json()["path"], format!("$.{member}"));
    }
    let variation = format!(r#"{{"id": "{image}"}}"#);
    assert_eq!(ask(&bob, "POST /variations/nobg", &variation).status, 404);
    assert_eq!(ask(&anna, "POST /variations/nobg", &variation).status, 200);
}

/// Draws over a picture, as `POST /v1/images/imagine` does it.
fn imagine(server: &Server, members: &Value) -> Answer {
    let mut asked = json!({"name": "n", "prompt": "a red circle", "seed": 7});
    asked.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    server.post("/v1/images/imagine", &asked)
}

#[test]
fn imagine_takes_large_pictures_and_bad_ones_cost_a_sentence() {
    let (_data, server) = server();
    // What looks like noise does not become smaller in a file.
    let noise =
        |x: u32, y: u32, c: u32| ((x * 73 + y * 151 + c * 37).wrapping_mul(2_654_435_761) >> 24) as u8;
    let large = image::RgbImage::from_fn(1000, 800, |x, y| image::Rgb([0, 1, 2].map(|c| noise(x, y, c))));
    let large = BASE64_STANDARD.encode(encoded(&large.into()));
    assert!(large.len() > 2 << 20, "{} bytes", large.len());
    let drawn = imagine(&server, &json!({"image": large, "strength": 0.25}));
    let size = |answer: &Answer| (answer.json()["width"].clone(), answer.json()["height"].clone());
    assert_eq!((drawn.status, size(&drawn)), (201, (json!(1000), json!(800))), "{}", drawn.json());
    let good = png(64, 64);
    let mut bomb = good.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let before = server.memory();
    for (bytes, member) in
        [(&good[..good.len() / 2], "image"), (&bomb, "image"), (b"no picture", "image"), (&good, "mask")]
    {
        let text = BASE64_STANDARD.encode(bytes);
        let asked =
            if member == "image" { json!({"image": text}) } else { json!({"image": text, "mask": "%"}) };
        let refused = imagine(&server, &asked);
        let told = refused.json()["errors"][0].as_str().unwrap_or_default().to_owned();
        assert!(refused.status == 400 && told.starts_with(member) && told.len() > 30, "{told}");
    }
    let huge = ask(&server, "POST /v1/images/imagine", &["Content-Length: 41943040"]);
    assert!(huge.status == 413 && huge.text().contains("33554432 bytes"), "{}", huge.text());
    if let (Some(before), Some(after)) = (before, server.memory()) {
        assert!(after < before + 64, "from {before} to {after} MiB");
    }
}

#[test]
fn a_picture_that_was_drawn_over_at_a_kill_is_kept_for_its_time_and_nothing_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let url = format!("{}/v1/images/imagine", server.url);
    let image = BASE64_STANDARD.encode(encoded(&gradient().into()));
    let asked = json!({"name": "n", "prompt": "a", "image": image, "strength": 1, "steps": 100, "hires": 4});
    let asking = std::thread::spawn(move || super::server::post(&url, &asked));
    let end = Instant::now() + Duration::from_secs(60);
    while server.get("/v1/jobs").json()["data"][0]["status"] != "running" {
        assert!(Instant::now() < end, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.kill();
    assert!(asking.join().unwrap().is_err());
    let server = Server::start(data.path(), &[]);
    let kept: usize = std::fs::read_dir(data.path().join("pictures")).unwrap().count();
    assert_eq!((kept, data.path().join("lost").exists()), (1, false));
    assert_eq!(imagine(&server, &json!({"width": 64, "height": 64})).status, 201);
}
