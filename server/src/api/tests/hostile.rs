//! What requests with pictures must not cost, whoever sends them.

use fulmen_engine::picture::{Format, Picture};
use serde_json::json;

use super::bench::Bench;
use crate::budget::Memory;
use crate::config::Limits;
use crate::http::Method;

/// Bytes of a side of a picture that no format makes small.
const SIDE: usize = 400;

/// A file of half a megabyte.
fn noise() -> Vec<u8> {
    let mut state = 1u32;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let picture = Picture::new(SIDE, SIDE, (0..SIDE * SIDE * 3).map(byte).collect());
    picture.encode(Format::Png, None).unwrap()
}

#[test]
fn links_take_as_much_memory_as_what_is_behind_them() {
    let bench = Bench::new();
    let id = bench.upload(&noise());
    let link = bench.get(&format!("/init-image/{id}"))["init_images_by_pk"]["url"].clone();
    let edit = |links: usize| {
        let images: Vec<_> = (0..links).map(|_| link.clone()).collect();
        let body = json!({"prompt": "a red circle", "image": images, "size": "128x128", "n": 1});
        let memory = Memory::new(&Limits { bodies: 2 << 20, ..Limits::default() });
        let body = ("application/json", body.to_string().into_bytes());
        bench.send_within(memory, Method::Post, "/v1/images/edits", body).status
    };
    assert_eq!([edit(1), edit(16)], [200, 503], "each is half a megabyte, and two are there");
}

#[test]
fn what_a_picture_costs_is_given_back_whatever_comes_of_it() {
    let bench = Bench::new();
    let memory = Memory::new(&Limits { bodies: 2 << 20, ..Limits::default() });
    let id = bench.upload(&noise());
    let link = bench.get(&format!("/init-image/{id}"))["init_images_by_pk"]["url"].clone();
    for _ in 0..8 {
        for (image, status) in [(link.clone(), 200), (json!("bm90IGEgcGljdHVyZQ=="), 400)] {
            let body = json!({"prompt": "a red circle", "image": image, "size": "128x128"});
            let body = ("application/json", body.to_string().into_bytes());
            let answer = bench.send_within(memory.clone(), Method::Post, "/v1/images/edits", body);
            assert_eq!(answer.status, status);
        }
    }
}

#[test]
fn pictures_of_others_are_not_there() {
    let bench = Bench::new();
    let id = bench.upload(&noise());
    bench.give_to("bob", &id);
    for members in [json!({"init_image_id": id}), json!({"init_generation_image_id": id})] {
        assert_eq!(bench.begin(&members).0, 400);
    }
    let canvas = json!({"canvasRequest": true, "canvasInitId": id});
    assert_eq!(bench.refused(&canvas), "canvasInitId");
    let own = bench.upload(&noise());
    let masked = json!({"canvasRequest": true, "canvasInitId": own, "canvasMaskId": id});
    assert_eq!(bench.refused(&masked), "canvasMaskId");
    let path = "/variations/universal-upscaler";
    for member in ["initImageId", "generatedImageId", "variationId"] {
        assert_eq!(bench.post(path, &json!({member: id})).0, 404, "{member}");
    }
    for path in ["/variations/upscale", "/variations/unzoom", "/variations/nobg"] {
        assert_eq!(bench.post(path, &json!({"id": id})).0, 404, "{path}");
    }
    assert!(bench.get(&format!("/init-image/{id}"))["init_images_by_pk"].is_null());
    let deleted = bench.ask(Method::Delete, &format!("/init-image/{id}"), &json!(null));
    assert_eq!(deleted.status, 200);
    assert!(bench.is_kept(&id), "it is not theirs to delete");
}
