//! The documented members of `POST /api/images/generations`.

use base64::Engine as _;
use serde_json::json;

use super::bench::{self, Bench};
use super::tested;
use crate::http::Method;

tested! {
    "prompt" is the_prompt_is_drawn |bench| {
        let [red, green] = ["a red circle", "a green circle"].map(|prompt| bench.openai(&json!({"prompt": prompt})));
        assert!(red.share(0) > green.share(0) + 0.05 && green.share(1) > red.share(1) + 0.05);
    }

    "model" is the_model_is_chosen |_| {
        let bench = Bench::of_two();
        let [fast, base, unknown] = ["fast", "base", "nobody"].map(|model| bench.openai(&json!({"model": model})));
        assert!(fast.distance(&base) > 5.0 && fast.is(&unknown), "{}", fast.distance(&base));
        assert_eq!(base.warnings(), [""; 0]);
        assert_eq!(unknown.warnings(), ["`model`: \"nobody\" is not loaded here; fast draws"]);
    }

    "image" is an_image_is_drawn_over |bench| {
        let green = bench.openai(&json!({"prompt": "a green circle", "seed": 5}));
        let link = green.answer["data"][0]["url"].clone();
        let inline = format!("data:image/png;base64,{}", base64::prelude::BASE64_STANDARD.encode(&green.file));
        let [none, of_link, of_text] = [json!({}), json!({"image": link}), json!({"image": [inline]})]
            .map(|members| bench.openai(&members));
        assert!(of_link.is(&of_text) && of_link.distance(&green) < none.distance(&green) - 2.0);
        let more = bench.openai(&json!({"image": link, "strength": 1.0}));
        assert!(of_link.distance(&green) < more.distance(&green));
        let (status, answer) = bench.post("/v1/images/generations", &json!({"prompt": "a", "image": "http://localhost/a.png"}));
        assert_eq!((status, answer["error"]["param"].as_str()), (400, Some("image")));
    }

    "n" is so_many_are_drawn_with_the_seeds_that_follow |bench| {
        let three = bench.openai(&json!({"n": 3}));
        let data = three.answer["data"].as_array().unwrap();
        assert_eq!(data.len(), 3);
        let [second, third] = [2, 3].map(|seed| bench.openai(&json!({"seed": seed})));
        let picture = |at: usize| image::load_from_memory(&bench.file(data[at]["url"].as_str().unwrap())).unwrap();
        assert_eq!(picture(1).to_rgb8().into_raw(), second.picture.rgb);
        assert_eq!(picture(2).to_rgb8().into_raw(), third.picture.rgb);
    }

    "size" is the_picture_has_the_size |bench| {
        for (size, expected) in [("64x64", (64, 64)), ("128x96", (128, 96)), ("auto", (1024, 1024))] {
            let drawn = bench.openai(&json!({"size": size}));
            assert_eq!((drawn.size(), &drawn.answer["size"]), (expected, &json!(format!("{}x{}", expected.0, expected.1))));
        }
    }

    "response_format" is a_link_or_the_file |bench| {
        let link = bench.openai(&json!({"response_format": "url"}));
        let inline = bench.openai(&json!({"response_format": "b64_json"}));
        assert!(link.answer["data"][0]["b64_json"].is_null() && inline.answer["data"][0]["url"].is_null());
        assert_eq!(bench::base64(inline.answer["data"][0]["b64_json"].as_str().unwrap()), inline.file);
        assert!(link.is(&inline));
    }

    "quality" is better_takes_more_steps_and_less_takes_fewer |bench| {
        let of = |quality: &str| bench.openai(&json!({"quality": quality}));
        let [usual, low, high, hd] = ["standard", "low", "high", "hd"].map(of);
        assert!(of("medium").is(&usual) && of("auto").is(&usual) && hd.is(&high));
        assert!(bench.openai(&json!({"steps": 2})).is(&low) && bench.openai(&json!({"steps": 8})).is(&high));
        assert!(low.distance(&usual) > 0.5 && high.distance(&usual) > 0.5);
    }

    "style" is natural_is_less_saturated_than_vivid |bench| {
        let [none, vivid, natural] = [json!({}), json!({"style": "vivid"}), json!({"style": "natural"})]
            .map(|members| bench.openai(&members));
        assert!(none.is(&vivid), "vivid is the default");
        assert!(natural.saturation() < 0.9 * vivid.saturation() && natural.contrast() < vivid.contrast());
    }
}

#[test]
fn a_background_is_transparent_where_that_is_asked_for_and_the_file_can_be() {
    let bench = Bench::new();
    let of = |members: serde_json::Value| bench.openai(&members);
    let [plain, cut] = ["opaque", "transparent"].map(|background| of(json!({"background": background})));
    assert_eq!((plain.picture.alpha, cut.picture.alpha.unwrap()[0]), (None, 0));
    let jpeg = of(json!({"background": "transparent", "output_format": "jpeg"}));
    assert_eq!((jpeg.picture.alpha.is_none(), jpeg.warnings().len()), (true, 1));
}

#[test]
fn what_a_streamed_edit_is_drawn_from_stays_until_it_is_drawn() {
    let bench = Bench::new();
    let picture = bench.openai(&json!({"response_format": "b64_json"}));
    let members = json!({
        "prompt": "a green circle",
        "image": base64::prelude::BASE64_STANDARD.encode(&picture.file),
        "size": "auto",
        "stream": true,
    });
    let answer = bench.ask(Method::Post, "/v1/images/edits", &members);
    assert_eq!(bench.files(), 1, "it may not be its turn yet");
    let events = bench::events(answer);
    assert!(events.starts_with("event: image_edit.completed\n"), "{events}");
    assert_eq!(bench.files(), 0);
}

#[test]
fn an_image_that_is_none_is_refused_by_the_name_under_which_it_was_sent() {
    let bench = Bench::new();
    for member in ["image", "images"] {
        let (status, answer) =
            bench.post("/v1/images/edits", &json!({"prompt": "a green circle", (member): ["aGk="]}));
        assert_eq!((status, answer["error"]["param"].as_str()), (400, Some(member)), "{answer}");
    }
}
