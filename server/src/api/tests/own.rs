//! Members of `POST /v1/images/imagine` that its document does not have: what is drawn over, and what becomes of it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fulmen_engine::picture::{Format, Picture};
use serde_json::{Value, json};

use super::bench::{Bench, SIDE, with};
use super::init::{distances, far, file, mask, original};
use super::tested;

/// A file as JSON holds it.
fn text(file: &[u8]) -> Value {
    json!(BASE64_STANDARD.encode(file))
}

/// The picture that is drawn over.
fn over() -> Value {
    json!({"image": text(&file())})
}

/// The same with its mask.
fn masked() -> Value {
    with(over(), &json!({"mask": text(&mask(false))}))
}

tested! {
    "image" is a_picture_is_drawn_over_in_its_own_size |bench| {
        let data = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file()));
        let [none, encoded, uri] = [json!({}), over(), json!({"image": {"image_url": data}})]
            .map(|members| bench.imagine(&members));
        assert!(encoded.is(&uri) && far(&encoded) < far(&none) - 5.0, "{} {}", far(&encoded), far(&none));
        let published = bench.post(&format!("/v1/images/{}/publish", none.answer["id"].as_str().unwrap()), &json!({}));
        let [link, picture] = [published.1["url"].clone(), text(&none.file)];
        let [of_link, of_file] = [link, picture].map(|image| bench.imagine(&json!({"image": image, "seed": 5})));
        assert!(of_link.is(&of_file) && of_link.distance(&none) < of_link.distance(&encoded));
        for (image, sides, size) in [
            (text(&plain(200, 107)), json!({"width": null, "height": null}), (200, 104)),
            (text(&plain(200, 100)), json!({"width": null, "height": 64}), (128, 64)),
            (text(&plain(200, 100)), json!({"width": 96, "height": null}), (96, 48.max(64))),
            (text(&plain(3000, 1500)), json!({"width": null, "height": null}), (2048, 1024)),
        ] {
            assert_eq!(bench.imagine(&with(json!({"image": image}), &sides)).size(), size);
        }
        for image in [json!("%%%%"), json!(""), json!("aGVsbG8="), json!("https://example.org/a.png"), json!("/files/a.png")] {
            assert!(["image", ""].contains(&bench.imagine_refused(&json!({"image": image})).as_str()), "{image}");
        }
    }

    "strength" is more_strength_keeps_less |bench| {
        let of = |strength: Value| far(&bench.imagine(&with(over(), &json!({"strength": strength}))));
        let [least, half, usual, all] = [json!(0), json!(0.5), json!(null), json!(1)].map(of);
        assert!(least < half && half < usual && usual < all, "{least} {half} {usual} {all}");
        assert_eq!((of(json!(0.75)), of(json!(0.25))), (usual, least), "one step is always done");
        assert_eq!(bench.imagine_refused(&json!({"strength": 0.5})), "strength");
    }

    "fit" is a_picture_of_another_shape_is_cut_or_continued_or_stretched |bench| {
        let wide = Picture::new(SIDE, SIDE / 2, original().rgb[..SIDE * SIDE / 2 * 3].to_vec());
        let wide = text(&wide.encode(Format::Png, None).unwrap());
        let of = |fit: Value| bench.imagine(&json!({"image": wide, "strength": 0.25, "fit": fit}));
        let [absent, crop, pad, stretch] = [json!(null), json!("crop"), json!("pad"), json!("stretch")].map(of);
        assert!(absent.is(&crop));
        for (one, other) in [(&crop, &pad), (&crop, &stretch), (&pad, &stretch)] {
            assert!(one.distance(other) > 5.0, "{}", one.distance(other));
        }
        assert_eq!(bench.imagine_refused(&json!({"fit": "pad"})), "fit");
        assert_eq!(bench.imagine(&json!({"fit": "crop"})).size(), (SIDE, SIDE), "as it is without one");
    }

    "mask" is what_is_white_is_drawn_and_nothing_else |bench| {
        let [middle, around] = distances(&bench.imagine(&masked()));
        assert!(middle > 10.0 && around == 0.0, "{middle} {around}");
        let half = Picture::new(2, 2, [0, 0, 255, 255].iter().flat_map(|value| [*value; 3]).collect());
        // Of another size, and transparent where it is not white.
        let half = Picture { alpha: Some(vec![0, 0, 255, 255]), ..half };
        let below = text(&half.encode(Format::Png, None).unwrap());
        let drawn = bench.imagine(&with(over(), &json!({"mask": below})));
        assert_eq!(drawn.picture.rgb[..SIDE * SIDE / 4 * 3], original().rgb[..SIDE * SIDE / 4 * 3]);
        assert!(far(&drawn) > 10.0);
        let clear = bench.imagine(&json!({"image": text(&mask(true)), "mask": "alpha"}));
        let [middle, around] = distances(&clear);
        assert!(middle > 10.0 && around == 0.0, "{middle} {around}");
        let black = Picture::new(8, 8, vec![0; 8 * 8 * 3]).encode(Format::Png, None).unwrap();
        for refused in [
            with(over(), &json!({"mask": "alpha"})),
            with(over(), &json!({"mask": text(&black)})),
            with(over(), &json!({"mask": "beta"})),
            json!({"mask": "alpha"}),
        ] {
            assert_eq!(bench.imagine_refused(&refused), "mask", "{refused}");
        }
    }

    "mask_blur" is the_edge_of_the_mask_is_softened |bench| {
        let of = |blur: Value| distances(&bench.imagine(&with(masked(), &json!({"mask_blur": blur}))))[1];
        let [sharp, soft, softer] = [json!(0), json!(1.5), json!(6)].map(of);
        assert!(sharp == 0.0 && soft > 0.0 && softer > 2.0 * soft, "{soft} {softer}");
        assert_eq!(bench.imagine_refused(&json!({"mask_blur": 2})), "mask_blur");
        assert_eq!(bench.imagine_refused(&with(over(), &json!({"mask_blur": 2}))), "mask_blur");
    }

    "only_masked" is the_masked_region_is_drawn_at_full_size_and_put_back |bench| {
        let of = |padding: Value| bench.imagine(&with(masked(), &json!({"only_masked": padding})));
        let [whole, close, wide] = [json!(null), json!(0), json!(16)].map(of);
        assert!(!close.is(&whole) && !wide.is(&whole) && !close.is(&wide));
        assert_eq!([distances(&close)[1], distances(&wide)[1]], [0.0, 0.0]);
        let large = with(masked(), &json!({"only_masked": 8, "width": 256, "height": 192}));
        assert_eq!(bench.imagine(&large).size(), (SIDE, SIDE), "that of the picture");
        assert_eq!(bench.imagine_refused(&with(over(), &json!({"only_masked": 8}))), "only_masked");
        assert_eq!(bench.imagine_refused(&json!({"only_masked": 8})), "only_masked");
    }

    "outpaint" is so_much_is_added_and_drawn |bench| {
        let own = json!({"width": null, "height": null, "outpaint": [64, 0, 32, 16]});
        for side in [SIDE, 4 * SIDE] {
            let picture = fulmen_engine::edit::resampled(&original(), side, side);
            let image = text(&picture.encode(Format::Png, None).unwrap());
            let drawn = bench.imagine(&with(own.clone(), &json!({"image": image}))).picture;
            assert_eq!((drawn.width, drawn.height), (side + 96, side + 16));
            // What is drawn reaches 16 pixels into the picture, so that no seam shows.
            for (x, y) in [(16, 0), (side / 2, side / 2), (side - 17, side - 17)] {
                let (there, here) = ((y * drawn.width + 64 + x) * 3, (y * side + x) * 3);
                assert_eq!(drawn.rgb[there..there + 3], picture.rgb[here..here + 3], "{side}: {x} {y}");
            }
        }
        let most = with(over(), &json!({"outpaint": [2048, 2048, 2048, 2048]}));
        for refused in [with(over(), &json!({"outpaint": [0, 0, 0, 0]})), most, json!({"outpaint": [8, 0, 0, 0]})] {
            assert_eq!(bench.imagine_refused(&refused), "outpaint");
        }
    }
}

/// A grey picture of this size.
fn plain(width: usize, height: usize) -> Vec<u8> {
    Picture::new(width, height, vec![120; width * height * 3]).encode(Format::Png, None).unwrap()
}

#[test]
fn what_an_image_was_drawn_from_goes_with_its_request() {
    let bench = Bench::new();
    let black = Picture::new(8, 8, vec![0; 8 * 8 * 3]).encode(Format::Png, None).unwrap();
    bench.imagine(&masked());
    bench.imagine_refused(&with(over(), &json!({"mask": text(&black)})));
    assert_eq!(bench.files(), 1, "the image alone");
}
