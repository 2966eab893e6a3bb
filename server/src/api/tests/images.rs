//! The members of `POST /v1/images/imagine`.

use serde_json::json;

use super::tested;

tested! {
    "name" is the_name_is_in_the_answer_and_in_lists |bench| {
        let drawn = bench.imagine(&json!({"name": "Cat Image"}));
        assert_eq!(drawn.answer["name"], "Cat Image");
        assert_eq!(bench.get("/v1/images")["data"][0]["name"], "Cat Image");
    }

    "prompt" is the_prompt_is_drawn |bench| {
        let [red, green] = ["a red circle", "a green circle"].map(|prompt| bench.imagine(&json!({"prompt": prompt})));
        assert!(red.share(0) > green.share(0) + 0.05, "{} {}", red.share(0), green.share(0));
        assert!(green.share(1) > red.share(1) + 0.05, "{} {}", green.share(1), red.share(1));
    }

    "negative_prompt" is what_is_to_be_avoided_becomes_less |bench| {
        let [plain, without] = [json!({}), json!({"negative_prompt": "blue background"})]
            .map(|members| bench.imagine(&members));
        assert!(without.excess(2) < 0.95 * plain.excess(2), "{} {}", without.excess(2), plain.excess(2));
    }

    "seed" is a_seed_is_one_picture |bench| {
        let [one, same, other] = [7, 7, 8].map(|seed| bench.imagine(&json!({"seed": seed})));
        assert!(one.is(&same) && one.distance(&other) > 1.0, "{}", one.distance(&other));
    }
}
