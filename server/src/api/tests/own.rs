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
            (text(&plain(200, 100)), json!({"width": 96, "height": null}), (96, 64)),
            (text(&plain(3000, 1500)), json!({"width": null, "height": null}), (2048, 1024)),
        ] {
            assert_eq!(bench.imagine(&with(json!({"image": image}), &sides)).size(), size);
        }
        let refused = |image: &str| bench.imagine_refused(&json!({"image": image}));
        for image in ["%%%%", "", "aGVsbG8=", "https://example.org/a.png", "file:///etc/passwd", "data:image/png,a"] {
            assert_eq!(refused(image), "image", "{image}");
        }
        assert_eq!(refused("/files/a.png"), "", "a link without its signature");
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
            assert!(one.distance(other) > 1.0, "{}", one.distance(other));
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

    "upscale" is the_sides_are_so_many_times_as_long |bench| {
        let of = |ratio: Value| bench.imagine(&json!({"upscale": ratio}));
        assert_eq!([of(json!(1)).size(), of(json!(1.5)).size(), of(json!(4)).size()], [(SIDE, SIDE), (192, 192), (512, 512)]);
        assert!(of(json!(null)).is(&of(json!(1))));
        let kept = bench.imagine(&with(masked(), &json!({"upscale": 2}))).picture;
        let larger = fulmen_engine::edit::resampled(&original(), 2 * SIDE, 2 * SIDE);
        assert_eq!(kept.rgb[..SIDE * SIDE], larger.rgb[..SIDE * SIDE], "what a mask keeps is enlarged from the picture");
        let part = bench.imagine(&with(masked(), &json!({"only_masked": 4, "upscale": 2})));
        assert_eq!(part.size(), (2 * SIDE, 2 * SIDE));
        let large = json!({"width": 2048, "height": 2048, "upscale": 4});
        assert_eq!(bench.imagine_refused(&large), "upscale", "--max-pixels");
        let limits = bench.get("/v1/models")["data"][0]["fulmen"]["limits"].take();
        assert_eq!((&limits["upscale"], &limits["pixels"]), (&json!(16.0), &json!(10 * 2048 * 2048)));
    }

    "hires" is the_picture_is_drawn_again_larger |bench| {
        let large = bench.imagine(&json!({"hires": 1.5}));
        assert_eq!(large.size(), (192, 192));
        assert!(large.distance(&bench.imagine(&json!({"upscale": 1.5}))) > 0.5);
        assert_eq!(bench.imagine(&json!({"hires": 1.5, "upscale": 2, "width": 96})).size(), (288, 384));
        let part = bench.imagine(&with(masked(), &json!({"hires": 1.5})));
        assert_eq!(part.size(), (192, 192));
        assert!(part.distance(&bench.imagine(&with(masked(), &json!({"upscale": 1.5})))) > 0.1);
        let region = with(masked(), &json!({"hires": 1.5, "only_masked": 8, "width": 64, "height": 64}));
        let once = with(masked(), &json!({"only_masked": 8, "width": 64, "height": 64}));
        let [(wide, high), of] = [bench.imagine(&region).size(), bench.imagine(&once).size()];
        assert_eq!((2 * wide, 2 * high), (3 * of.0, 3 * of.1));
        assert_eq!(bench.imagine_refused(&json!({"width": 2048, "height": 2048, "hires": 4})), "hires");
    }

    "hires_strength" is more_strength_is_further_from_what_was_drawn |bench| {
        let resampled = bench.imagine(&json!({"upscale": 2}));
        let of = |strength: Value| bench.imagine(&json!({"hires": 2, "hires_strength": strength}));
        let [least, usual, most] = [json!(0), json!(null), json!(1)].map(of);
        let [near, far] = [&least, &most].map(|drawn| drawn.distance(&resampled));
        assert!(near < far && usual.is(&of(json!(0.5))), "{near} {far}");
        assert_eq!(bench.imagine_refused(&json!({"hires_strength": 0.5})), "hires_strength");
    }

    "tile" is opposite_borders_continue_each_other |bench| {
        let prompt = "a red circle on a gradient blue background";
        let of = |tile: Value| bench.imagine(&json!({"prompt": prompt, "tile": tile}));
        let [none, x, y, both, all] = [json!(null), json!("x"), json!("y"), json!("both"), json!(true)].map(of);
        assert!(none.is(&of(json!(false))) && both.is(&all) && both.seam() < 0.1 * none.seam());
        assert!(!x.is(&none) && !x.is(&both) && !y.is(&none) && !y.is(&both));
        let [plain, x, y] = [&none, &x, &y].map(super::drawn::Drawn::seams);
        // The gradient is one from top to bottom: left and right have no seam in any of them.
        assert!(y[1] < 0.1 * plain[1] && x[1] > 0.5 * plain[1], "{plain:?} {x:?} {y:?}");
    }

    "transparent" is the_background_is_transparent |bench| {
        let of = |transparent: Value| bench.imagine(&json!({"transparent": transparent}));
        let [plain, opaque, cut] = [json!(null), json!(false), json!(true)].map(of);
        assert!(plain.is(&opaque) && plain.picture.alpha.is_none());
        let alpha = cut.picture.alpha.unwrap();
        let at = |x: usize, y: usize| alpha[y * SIDE + x];
        assert_eq!([at(0, 0), at(SIDE - 1, SIDE - 1), at(SIDE / 2, SIDE / 2)], [0, 0, 255]);
    }

    "loras" is each_changes_the_picture_by_its_weight |bench| {
        let with = Bench::with_loras();
        assert_eq!(with.get("/elements")["loras"][0]["name"], "fox");
        let of = |loras: Value| with.imagine(&json!({"loras": loras}));
        let [none, off] = [json!([]), json!([{"name": "fox", "weight": 0}])].map(of);
        let [half, whole] = [json!([{"name": "fox", "weight": 0.5}]), json!([{"name": "fox"}])].map(of);
        let both = of(json!([{"name": "fox"}, {"name": "ink", "weight": 1.0}]));
        assert!(none.is(&off) && none.is(&with.imagine(&json!({}))));
        assert!(whole.distance(&none) > half.distance(&none) && half.distance(&none) > 0.0 && !both.is(&whole));
        let tag = with.imagine(&json!({"prompt": format!("{} <lora:fox:1>", super::bench::PROMPT)}));
        assert!(whole.distance(&tag) < 0.01, "as a prompt asks for it: {}", whole.distance(&tag));
        for (bench, loras, member) in [
            (&with, json!([{"name": "fox"}, {"name": "wolf"}]), "loras[1].name"),
            (bench, json!([{"name": "fox"}]), "loras[0].name"),
            (&with, json!([{"weight": 1}]), "loras[0].name"),
            (&with, json!([{"name": "fox", "weight": 11}]), "loras[0].weight"),
            (&with, json!(vec![json!({"name": "fox", "weight": 0.01}); 65]), "loras"),
        ] {
            assert_eq!(bench.imagine_refused(&json!({"loras": loras})), member);
        }
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
