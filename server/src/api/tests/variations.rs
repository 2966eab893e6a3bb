//! Variations: members of `POST /variations/universal-upscaler`, and what enlarges pictures.

use fulmen_engine::Options;
use fulmen_engine::backend::CancelToken;
use fulmen_engine::edit::resampled;
use fulmen_engine::engine::{Enlarger, Watch};
use fulmen_engine::picture::Format;
use fulmen_engine::request::Upscale;
use serde_json::{Value, json};

use super::bench::{Bench, SIDE, with};
use super::drawn::Drawn;
use super::{nets, tested};

const UNIVERSAL: &str = "/variations/universal-upscaler";

/// A generated picture, with its id.
fn source(bench: &Bench) -> (Drawn, Value) {
    let source = bench.leonardo(&json!({}));
    let id = source.answer["generated_images"][0]["id"].clone();
    (source, id)
}

/// What is made of it with these members.
fn made(bench: &Bench, id: &Value, members: &Value) -> Drawn {
    bench.variation(UNIVERSAL, &with(json!({"generatedImageId": id}), members))
}

/// How far a picture is from another that is resampled to its size.
fn from(drawn: &Drawn, source: &Drawn) -> f64 {
    let (width, height) = drawn.size();
    let picture = resampled(&source.picture, width, height);
    drawn.distance(&Drawn { picture, answer: json!(null), file: vec![] })
}

fn refused(bench: &Bench, body: &Value) -> (u16, String) {
    let (status, answer) = bench.post(UNIVERSAL, body);
    (status, answer["error"].as_str().unwrap_or_default().to_owned())
}

tested! {
    "creativityStrength" is more_creativity_goes_farther |bench| {
        let (source, id) = source(bench);
        let [little, usual, much] =
            [json!({"creativityStrength": 1}), json!({}), json!({"creativityStrength": 10})]
                .map(|members| from(&made(bench, &id, &members), &source));
        assert!(little < much && usual < much, "{little} {usual} {much}");
    }

    "detailContrast" is more_of_it_has_more_contrast |bench| {
        let (_, id) = source(bench);
        let of = |detail: Value| made(bench, &id, &json!({"ultraUpscaleStyle": "REALISTIC", "detailContrast": detail}));
        let [none, some, much] = [json!(null), json!(3), json!(10)].map(of);
        assert!(none.contrast() < some.contrast() && some.contrast() * 1.02 < much.contrast());
        let unused = made(bench, &id, &json!({"detailContrast": 10}));
        assert!(unused.is(&made(bench, &id, &json!({}))), "only with an ultra style");
    }

    "generatedImageId" is a_picture_of_a_generation_is_drawn_over |bench| {
        let (source, id) = source(bench);
        let larger = made(bench, &id, &json!({}));
        assert_eq!(larger.size(), (SIDE * 3 / 2, SIDE * 3 / 2));
        assert!((1.0..40.0).contains(&from(&larger, &source)), "{}", from(&larger, &source));
        let shown = bench.generation_of(&source);
        let shown = &shown["generated_images"][0]["generated_image_variation_generics"][0];
        assert_eq!((&shown["transformType"], &shown["status"]), (&json!("UPSCALE"), &json!("COMPLETE")));
        assert_eq!(refused(bench, &json!({"generatedImageId": "nobody"})).0, 404);
        assert_eq!(refused(bench, &json!({})).0, 400);
        assert_eq!(refused(bench, &json!({"generatedImageId": id, "initImageId": id})).0, 400);
    }

    "initImageId" is a_picture_that_was_sent_is_drawn_over |bench| {
        let (source, _) = source(bench);
        let id = bench.upload(&source.picture.encode(Format::Png, None).unwrap());
        let of = |members: Value| bench.variation(UNIVERSAL, &with(json!({"initImageId": id}), &members));
        let larger = of(json!({"prompt": super::bench::PROMPT}));
        assert!((1.0..40.0).contains(&from(&larger, &source)), "{}", from(&larger, &source));
        assert_eq!(of(json!({})).size(), (SIDE * 3 / 2, SIDE * 3 / 2), "without a prompt");
        assert_eq!(refused(bench, &json!({"initImageId": "nobody"})).0, 404);
    }

    "prompt" is the_prompt_is_what_is_drawn_over_it |bench| {
        let (_, id) = source(bench);
        let of = |prompt: &str| made(bench, &id, &json!({"prompt": prompt, "creativityStrength": 10}));
        let [red, green] = ["a red circle", "a green circle"].map(of);
        assert!(green.excess(1) > red.excess(1) + 1.0, "{} {}", green.excess(1), red.excess(1));
        let [own, same] = [json!({}), json!({"prompt": super::bench::PROMPT})].map(|members| made(bench, &id, &members));
        assert!(own.is(&same), "that of the picture");
    }

    "similarity" is more_similarity_stays_closer |bench| {
        let (source, id) = source(bench);
        let of = |similarity: u64| {
            let members = json!({"ultraUpscaleStyle": "REALISTIC", "creativityStrength": 10, "similarity": similarity});
            from(&made(bench, &id, &members), &source)
        };
        let [far, near] = [1, 10].map(of);
        assert!(near < far, "{near} {far}");
        let unused = made(bench, &id, &json!({"similarity": 10, "creativityStrength": 10}));
        assert!(unused.is(&made(bench, &id, &json!({"creativityStrength": 10}))), "only with an ultra style");
    }

    "ultraUpscaleStyle" is an_ultra_style_is_in_place_of_the_other |bench| {
        let (_, id) = source(bench);
        let of = |style: Value| made(bench, &id, &json!({"ultraUpscaleStyle": style}));
        let [usual, artistic, realistic] = [json!(null), json!("ARTISTIC"), json!("REALISTIC")].map(of);
        assert!(artistic.saturation() > realistic.saturation() * 1.1);
        assert!(artistic.distance(&usual) > 1.0 && realistic.distance(&usual) > 1.0);
        // The official client writes the usual style down.
        let both = made(bench, &id, &json!({"ultraUpscaleStyle": "ARTISTIC", "upscalerStyle": "GENERAL"}));
        assert!(both.is(&artistic));
    }

    "upscaleMultiplier" is sides_are_so_many_times_as_long |bench| {
        let (_, id) = source(bench);
        for (multiplier, side) in [(1.0, SIDE), (1.3, 168), (2.0, SIDE * 2)] {
            assert_eq!(made(bench, &id, &json!({"upscaleMultiplier": multiplier})).size(), (side, side));
        }
        assert_eq!(refused(bench, &json!({"generatedImageId": id, "upscaleMultiplier": 2.1})).0, 400);
    }

    "upscalerStyle" is each_style_draws_something_else |bench| {
        let (_, id) = source(bench);
        let styles = ["GENERAL", "CINEMATIC", "2D ART & ILLUSTRATION", "CG ART & GAME ASSETS"];
        let drawn = styles.map(|style| made(bench, &id, &json!({"upscalerStyle": style})));
        for (at, one) in drawn.iter().enumerate() {
            assert!(drawn[..at].iter().all(|other| other.distance(one) > 0.5), "{}", styles[at]);
        }
        assert!(drawn[0].is(&made(bench, &id, &json!({}))), "the usual one");
        let both = json!({"generatedImageId": id, "upscalerStyle": "CINEMATIC", "ultraUpscaleStyle": "ARTISTIC"});
        assert_eq!(refused(bench, &both).0, 400);
    }

    "variationId" is a_variation_is_drawn_over |bench| {
        let (source, id) = source(bench);
        let larger = bench.variation("/variations/upscale", &json!({"id": id}));
        let twice = bench.variation(UNIVERSAL, &json!({"variationId": larger.answer["id"]}));
        assert_eq!(twice.size(), (SIDE * 3, SIDE * 3));
        assert!((1.0..40.0).contains(&from(&twice, &source)), "{}", from(&twice, &source));
        assert_eq!(refused(bench, &json!({"variationId": id})).0, 404, "that is no variation");
    }
}

#[test]
fn pictures_are_enlarged_by_the_network_that_the_server_was_started_with() {
    let [bench, without] = [Bench::with_upscaler(), Bench::of_two()];
    let (source, id) = source(&bench);
    let larger = bench.variation("/variations/upscale", &json!({"id": id}));
    let upscale = Upscale { file: Some(nets::upscaler()), by: Some(2.0) };
    let mut enlarger = Enlarger::open(&Options::default().device, None).unwrap();
    let mut ignore = |_| {};
    let mut watch = Watch { event: &mut ignore, trace: None, previews: 0, cancel: CancelToken::default() };
    let expected = enlarger.enlarge(source.picture.clone(), &upscale, 0, &mut watch).unwrap();
    assert_eq!(larger.picture, expected);
    let resampled = without.variation("/variations/upscale", &json!({"id": self::source(&without).1}));
    assert_eq!(resampled.size(), larger.size());
    assert!(resampled.distance(&larger) > 1.0 && from(&resampled, &source) == 0.0);
    // What is drawn over is enlarged by it first.
    let [by_net, by_window] = [(&bench, id), (&without, self::source(&without).1)]
        .map(|(bench, id)| made(bench, &id, &json!({"creativityStrength": 1})));
    assert!(by_net.distance(&by_window) > 1.0, "{}", by_net.distance(&by_window));
}

#[test]
fn a_variation_of_a_variation_is_what_was_asked_for() {
    let bench = Bench::new();
    let (_, id) = source(&bench);
    let larger = bench.variation("/variations/upscale", &json!({"id": id}));
    let wider =
        bench.variation("/variations/unzoom", &json!({"id": larger.answer["id"], "isVariation": true}));
    assert_eq!(wider.size(), (2 * SIDE, 2 * SIDE));
    assert!(wider.distance(&larger) > 1.0, "more is drawn around it");
}

#[test]
fn transparent_pictures_are_drawn_by_layer_diffuse_where_it_is_given() {
    let [bench, without] = [Bench::with_layer_diffuse(), Bench::of_two()];
    let members = json!({"transparency": "foreground_only"});
    let [drawn, matte] = [&bench, &without].map(|bench| bench.leonardo(&members));
    let [opacity, of_matte] =
        [&drawn, &matte].map(|drawn| drawn.picture.alpha.clone().expect("it has opacity"));
    // A decoder that was trained on nothing says something else of every pixel; a matte knows subject and ground.
    let between = |alpha: &[u8]| alpha.iter().filter(|value| !matches!(value, 0 | 255)).count();
    assert!(between(&opacity) > SIDE * SIDE / 2 && between(&of_matte) < SIDE * SIDE / 4);
    let by_openai = bench.openai(&json!({"background": "transparent"}));
    assert_eq!(by_openai.picture, drawn.picture);
    let opaque = bench.leonardo(&json!({}));
    assert!(
        opaque.picture.alpha.is_none() && opaque.is(&without.leonardo(&json!({}))),
        "nothing else changes"
    );
    // What is made of a picture that is there already has a matte.
    let id = opaque.answer["generated_images"][0]["id"].clone();
    let cut = bench.variation("/variations/nobg", &json!({"id": id}));
    assert!(between(&cut.picture.alpha.clone().unwrap()) < SIDE * SIDE / 4);
}
