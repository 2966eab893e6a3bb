//! Members of `POST /generations` that name pictures which guide the picture.

use serde_json::json;

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
}
