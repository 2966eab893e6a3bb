//! Members of `POST /generations` that say what a picture begins from, and how much of it stays.

use fulmen_engine::edit::resampled;
use fulmen_engine::picture::{Format, Picture};
use serde_json::{Value, json};

use super::bench::{Bench, SIDE};
use super::drawn::Drawn;
use super::tested;

/// A picture whose every pixel is another.
pub(super) fn original() -> Picture {
    let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| [x as u8 * 2, y as u8 * 2, (x ^ y) as u8]));
    Picture::new(SIDE, SIDE, pixels.flatten().collect())
}

/// White in the middle, black around it; or the original, which is transparent there.
pub(super) fn mask(transparent: bool) -> Vec<u8> {
    let middle = SIDE / 4..3 * SIDE / 4;
    let is_in = |at: usize| middle.contains(&(at % SIDE)) && middle.contains(&(at / SIDE));
    let values: Vec<u8> = (0..SIDE * SIDE).map(|at| if is_in(at) { 255 } else { 0 }).collect();
    let picture = match transparent {
        true => Picture { alpha: Some(values.iter().map(|value| 255 - value).collect()), ..original() },
        false => Picture::new(SIDE, SIDE, values.iter().flat_map(|value| [*value; 3]).collect()),
    };
    picture.encode(Format::Png, None).unwrap()
}

/// The original as a file.
pub(super) fn file() -> Vec<u8> {
    original().encode(Format::Png, None).unwrap()
}

/// The mean distance from the original: of the middle, and of what is around it.
pub(super) fn distances(drawn: &Drawn) -> [f64; 2] {
    let (original, middle) = (original(), SIDE / 4..3 * SIDE / 4);
    let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
    for (at, (a, b)) in drawn.picture.rgb.iter().zip(&original.rgb).enumerate() {
        let (x, y) = (at / 3 % SIDE, at / 3 / SIDE);
        let place = usize::from(!(middle.contains(&x) && middle.contains(&y)));
        sums[place] += f64::from(a.abs_diff(*b));
        counts[place] += 1.0;
    }
    [sums[0] / counts[0], sums[1] / counts[1]]
}

pub(super) fn far(drawn: &Drawn) -> f64 {
    distances(drawn).iter().sum()
}

/// A canvas request of this kind, with a mask.
fn canvas(bench: &Bench, kind: &Value) -> Drawn {
    let [picture, mask] = [file(), mask(false)].map(|file| bench.upload(&file));
    bench.leonardo(&json!({
        "canvasRequest": true, "canvasRequestType": kind, "canvasInitId": picture, "canvasMaskId": mask,
    }))
}

tested! {
    "init_image_id" is an_uploaded_picture_is_drawn_over |bench| {
        let id = bench.upload(&file());
        let [none, empty, over] = [json!({}), json!({"init_image_id": ""}), json!({"init_image_id": id})]
            .map(|members| bench.leonardo(&members));
        assert!(none.is(&empty) && far(&over) < far(&none) - 5.0, "{} {}", far(&over), far(&none));
        assert_eq!(bench.refused(&json!({"init_image_id": "nobody"})), "init_image_id");
    }

    "init_generation_image_id" is a_generated_picture_is_drawn_over |bench| {
        let green = bench.leonardo(&json!({"prompt": "a green circle", "seed": 5}));
        let id = green.answer["generated_images"][0]["id"].clone();
        let [none, over] = [json!({}), json!({"init_generation_image_id": id, "init_strength": 0.7})]
            .map(|members| bench.leonardo(&members));
        assert!(over.distance(&green) < none.distance(&green) - 5.0);
        assert_eq!(bench.refused(&json!({"init_generation_image_id": "nobody"})), "init_generation_image_id");
        let both = bench.leonardo(&json!({"init_generation_image_id": id, "init_image_id": bench.upload(&file())}));
        assert_eq!(both.warnings().len(), 1, "one of them has no effect");
    }

    "init_strength" is more_strength_stays_closer |bench| {
        let id = bench.upload(&file());
        let of = |strength: f64| bench.leonardo(&json!({"init_image_id": id, "init_strength": strength}));
        let [little, some, much] = [0.1, 0.5, 0.9].map(|strength| far(&of(strength)));
        assert!(much < some && some < little, "{much} {some} {little}");
        assert_eq!(of(0.5).answer["initStrength"], 0.5);
        assert_eq!(bench.leonardo(&json!({"init_strength": 0.5})).warnings().len(), 1, "without a picture");
    }

    "unzoom" is more_is_drawn_around_the_picture |bench| {
        let id = bench.upload(&file());
        let [over, wider] = [false, true].map(|unzoom| bench.leonardo(&json!({"init_image_id": id, "unzoom": unzoom})));
        assert_eq!(wider.size(), (SIDE, SIDE));
        assert!(over.distance(&wider) > 5.0);
        assert_eq!(bench.refused(&json!({"unzoom": true})), "unzoom");
    }

    "unzoomAmount" is so_much_more |bench| {
        let id = bench.upload(&file());
        for (amount, inner) in [(1.0, SIDE / 2), (3.0, SIDE / 4)] {
            let members = json!({"init_image_id": id, "unzoom": true, "unzoomAmount": amount, "seed": 4});
            let drawn = bench.leonardo(&members).picture;
            let small = resampled(&original(), inner, inner);
            let margin = (SIDE - inner) / 2;
            // What is drawn reaches a little into the picture, so that no seam shows.
            for x in inner / 4..3 * inner / 4 {
                let (there, here) = (((SIDE / 2) * SIDE + margin + x) * 3, (inner / 2 * inner + x) * 3);
                assert!(drawn.rgb[there].abs_diff(small.rgb[here]) < 3, "{amount}: {x}");
            }
        }
    }

    "canvasRequest" is the_canvas_is_drawn_over |bench| {
        let picture = bench.upload(&file());
        let of = |canvas: bool| json!({"canvasRequest": canvas, "canvasInitId": picture});
        let [without, with] = [false, true].map(|canvas| bench.leonardo(&of(canvas)));
        assert!(without.is(&bench.leonardo(&json!({}))) && far(&with) < far(&without) - 5.0);
        assert_eq!((without.warnings().len(), with.warnings().len()), (1, 0));
        assert_eq!(bench.refused(&json!({"canvasRequest": true})), "canvasInitId");
    }

    "canvasRequestType" is the_type_says_what_of_it_is_drawn |bench| {
        let of = |kind: &str| canvas(bench, &json!(kind));
        let [inpaint, outpaint, sketch, over] = ["INPAINT", "OUTPAINT", "SKETCH2IMG", "IMG2IMG"].map(of);
        for masked in [&inpaint, &outpaint] {
            let [middle, around] = distances(masked);
            assert!(middle > 10.0 && around == 0.0, "{middle} {around}");
        }
        assert!(far(&sketch) > far(&over) && distances(&over)[1] > 1.0, "{} {}", far(&sketch), far(&over));
        assert!(canvas(bench, &json!(null)).is(&inpaint), "a mask alone");
    }

    "canvasInitId" is the_picture_of_the_canvas_stays_outside_the_mask |bench| {
        let clear = bench.upload(&mask(true));
        let members = json!({"canvasRequest": true, "canvasRequestType": "OUTPAINT", "canvasInitId": clear});
        let [middle, around] = distances(&bench.leonardo(&members));
        assert!(middle > 10.0 && around == 0.0, "what is transparent is drawn: {middle} {around}");
        assert_eq!(bench.refused(&json!({"canvasRequest": true, "canvasInitId": "nobody"})), "canvasInitId");
    }

    "canvasMaskId" is what_is_white_or_transparent_in_the_mask_is_drawn |bench| {
        let picture = bench.upload(&file());
        for transparent in [false, true] {
            let mask = bench.upload(&mask(transparent));
            let members = json!({"canvasRequest": true, "canvasInitId": picture, "canvasMaskId": mask});
            let [middle, around] = distances(&bench.leonardo(&members));
            assert!(middle > 10.0 && around == 0.0, "{middle} {around}");
        }
        let members = json!({"canvasRequest": true, "canvasInitId": picture, "canvasMaskId": "nobody"});
        assert_eq!(bench.refused(&members), "canvasMaskId");
    }
}

/// A picture of one value.
fn plain(value: u8) -> Vec<u8> {
    Picture::new(SIDE, SIDE, vec![value; SIDE * SIDE * 3]).encode(Format::Png, None).unwrap()
}

#[test]
fn a_canvas_of_which_nothing_would_be_drawn_is_refused_before_it_is_begun() {
    let bench = Bench::new();
    let [opaque, dark] = [file(), plain(90)].map(|file| bench.upload(&file));
    let of = |kind: &str, more: Value| {
        let canvas = json!({"canvasRequest": true, "canvasRequestType": kind, "canvasInitId": opaque});
        super::bench::with(canvas, &more)
    };
    for kind in ["INPAINT", "OUTPAINT"] {
        for more in [json!({}), json!({"canvasMaskId": ""}), json!({"canvasMaskId": dark})] {
            assert_eq!(bench.refused(&of(kind, more)), "canvasMaskId");
        }
        // What is drawn around it needs no mask.
        bench.leonardo(&of(kind, json!({"unzoom": true})));
    }
    let (_, refused) = bench.begin(&of("INPAINT", json!({})));
    let told = refused["error"].as_str().unwrap();
    for way in ["send a mask", "transparent where", "IMG2IMG"] {
        assert!(told.contains(way), "{told}");
    }
    bench.leonardo(&of("IMG2IMG", json!({})));
}

#[test]
fn a_mask_that_the_kind_of_canvas_does_not_use_is_told() {
    let bench = Bench::new();
    for kind in ["IMG2IMG", "SKETCH2IMG"] {
        let told = canvas(&bench, &json!(kind)).warnings();
        assert!(told.len() == 1 && told[0].contains("`canvasMaskId` has no effect"), "{told:?}");
    }
    assert_eq!(canvas(&bench, &json!("INPAINT")).warnings(), [""; 0]);
}

#[test]
fn masks_that_show_nothing_are_refused_in_every_family() {
    use base64::Engine as _;
    let bench = Bench::new();
    let encoded = |file: &[u8]| base64::prelude::BASE64_STANDARD.encode(file);
    let (image, black) = (encoded(&file()), encoded(&plain(0)));
    assert_eq!(bench.imagine_refused(&json!({"image": image, "mask": black})), "mask");
    let edit = json!({"prompt": "a", "image": image, "mask": black});
    let (status, answer) = bench.post("/v1/images/edits", &edit);
    assert_eq!((status, &answer["error"]["param"]), (400, &json!("mask")), "{answer}");
    let outpainted = json!({"image": image, "mask": black, "outpaint": [0, 0, 64, 0]});
    bench.imagine(&outpainted);
}

#[test]
fn the_mask_of_a_canvas_is_announced_by_both_of_its_names() {
    let bench = Bench::new();
    let extensions = json!({"initExtension": "png", "maskExtension": "png"});
    let (status, answer) = bench.post("/canvas-init-image", &extensions);
    assert_eq!(status, 200, "{answer}");
    let announced = &answer["uploadCanvasInitImage"];
    for member in ["ImageId", "Url", "Key", "Fields"] {
        let [mask, masks] = ["mask", "masks"].map(|name| &announced[format!("{name}{member}")]);
        assert!(mask.is_string() && mask == masks, "{member}: {announced}");
    }
    bench.send_announced(&announced["initFields"], &file());
    bench.send_announced(&announced["masksFields"], &mask(false));
    let [middle, around] = distances(&bench.leonardo(&json!({
        "canvasRequest": true, "canvasRequestType": "INPAINT", "canvasInitId": announced["initImageId"],
        "canvasMaskId": announced["masksImageId"],
    })));
    assert!(middle > 10.0 && around == 0.0, "{middle} {around}");
}
