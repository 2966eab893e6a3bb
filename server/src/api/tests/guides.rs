//! Members of `POST /generations` that name pictures which guide the picture.

use serde_json::{Value, json};

use super::bench::Bench;
use super::tested;

tested! {
    "imagePrompts" is pictures_count_as_part_of_the_prompt |bench| {
        let with = Bench::with_nets();
        let picture = |seed: u64| with.generation(&json!({"seed": seed}))["generated_images"][0]["id"].take();
        let [one, other] = [1, 2].map(picture);
        let of = |ids: serde_json::Value| with.leonardo(&json!({"seed": 3, "imagePrompts": ids}));
        let [none, first, second] = [of(json!([null])), of(json!([one, null])), of(json!([other]))];
        assert!(first.distance(&none) > 0.5 && second.distance(&none) > 0.5 && !first.is(&second));
        assert!(first.is(&of(json!([one]))), "the same again");
        assert_eq!(with.refused(&json!({"imagePrompts": [null, "nobody"]})), "imagePrompts[1]");
        assert_eq!(bench.refused(&json!({"imagePrompts": ["nobody"]})), "imagePrompts");
    }

    "imagePromptWeight" is more_weight_is_more |bench| {
        let with = Bench::with_nets();
        let id = with.generation(&json!({"seed": 1}))["generated_images"][0]["id"].take();
        let of = |weight: f64| with.leonardo(&json!({"seed": 3, "imagePrompts": [id], "imagePromptWeight": weight}));
        let [none, usual, half, whole] = [0.0, 0.5, 0.25, 1.0].map(of);
        assert!(whole.distance(&none) > half.distance(&none) && half.distance(&none) > 0.1);
        assert!(usual.is(&with.leonardo(&json!({"seed": 3, "imagePrompts": [id]}))));
        assert_eq!(bench.leonardo(&json!({"imagePromptWeight": 0.3})).warnings().len(), 1);
    }

    "controlnets" is a_net_is_guided_by_the_edges_of_a_picture |bench| {
        let with = Bench::with_nets();
        let [one, other] = [1, 2].map(|seed: u64| picture(&with, seed));
        let of = |id: &Value, weight: f64| {
            let control = json!({"initImageId": id, "initImageType": "GENERATED", "preprocessorId": 19, "weight": weight});
            with.leonardo(&json!({"seed": 3, "controlnets": [control]}))
        };
        let [none, weak, strong, off] = [with.leonardo(&json!({"seed": 3})), of(&one, 0.2), of(&one, 1.0), of(&one, 0.0)];
        assert!(off.is(&none) && strong.distance(&none) > weak.distance(&none) && !of(&other, 1.0).is(&strong));
        let low = json!({"initImageId": one, "preprocessorId": 19, "strengthType": "Low"});
        assert!(with.leonardo(&json!({"seed": 3, "controlnets": [low]})).is(&weak));
        let reference = json!({"initImageId": one, "preprocessorId": 67, "weight": 1});
        assert!(with.leonardo(&json!({"seed": 3, "controlnets": [reference]})).is(&with.leonardo(
            &json!({"seed": 3, "imagePrompts": [one]})
        )));
        for (control, blamed) in [
            (json!({"initImageId": "nobody", "preprocessorId": 19}), "controlnets[0].initImageId"),
            (json!({"initImageId": one, "preprocessorId": 20}), "controlnets[0].preprocessorId"),
            (json!({"initImageId": one, "preprocessorId": 5}), "controlnets[0].preprocessorId"),
            (json!({"initImageId": one, "preprocessorId": 19, "weight": 3}), "controlnets[0].weight"),
        ] {
            assert_eq!(with.refused(&json!({"controlnets": [control]})), blamed);
        }
        let (_, told) = bench.begin(&json!({"controlnets": [{"initImageId": "nobody", "preprocessorId": 19}]}));
        assert!(told["error"].as_str().unwrap().contains("--control canny=FILE"), "{told}");
    }

    "controlNet" is the_picture_that_it_would_begin_with_guides_it |bench| {
        let with = Bench::with_nets();
        let id = picture(&with, 1);
        let old = json!({"seed": 3, "controlNet": true, "controlNetType": "CANNY", "init_generation_image_id": id});
        let new = json!({"seed": 3, "controlnets": [{"initImageId": id, "preprocessorId": 19}]});
        assert!(with.leonardo(&old).is(&with.leonardo(&new)));
        assert_eq!(bench.refused(&json!({"controlNet": true})), "controlNet");
    }

    "controlNetType" is it_says_what_is_read |_| {
        let with = Bench::with_nets();
        let id = picture(&with, 1);
        let of = |kind: &str| json!({"controlNet": true, "controlNetType": kind, "init_generation_image_id": id});
        assert_eq!(with.refused(&of("DEPTH")), "controlNetType");
        assert!(!with.leonardo(&of("CANNY")).is(&with.leonardo(&json!({}))));
    }

    "weighting" is more_weight_guides_more |_| {
        let with = Bench::with_nets();
        let id = picture(&with, 1);
        let of = |weight: f64| {
            let old = json!({"controlNet": true, "controlNetType": "CANNY", "init_generation_image_id": id});
            with.leonardo(&super::bench::with(old, &json!({"seed": 3, "weighting": weight})))
        };
        let [none, half, whole] = [0.0, 0.5, 1.0].map(of);
        assert!(whole.distance(&none) > half.distance(&none) && half.distance(&none) > 0.0);
        assert!(none.is(&with.leonardo(&json!({"seed": 3}))));
    }
}

/// The id of a drawn picture.
fn picture(bench: &Bench, seed: u64) -> Value {
    bench.generation(&json!({"seed": seed}))["generated_images"][0]["id"].take()
}
