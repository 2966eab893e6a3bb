//! Members of `POST /generations` that say what is drawn, how large, by which model, and how often.

use serde_json::json;

use super::bench::{Bench, PROMPT, SIDE};
use super::tested;

tested! {
    "guidance_scale" is guidance_follows_the_prompt |_| {
        let bench = Bench::of_two();
        let [low, high] = [1.5, 6.0].map(|scale| bench.leonardo(&json!({"modelId": "base", "guidance_scale": scale})));
        assert!(low.distance(&high) > 2.0, "{}", low.distance(&high));
        assert_eq!(high.answer["guidanceScale"], 6.0);
    }

    "height" is the_picture_is_so_high |bench| {
        assert_eq!(bench.leonardo(&json!({"height": 96})).size(), (SIDE, 96));
    }

    "width" is the_picture_is_so_wide |bench| {
        assert_eq!(bench.leonardo(&json!({"width": 96})).size(), (96, SIDE));
    }

    "modelId" is the_model_of_this_id_draws |_| {
        let bench = Bench::of_two();
        let id = bench.get("/platformModels")["custom_models"][1]["id"].take();
        let [first, base, of_id, unknown] =
            [json!({}), json!({"modelId": "base"}), json!({"modelId": id}), json!({"modelId": "nobody"})]
                .map(|members| bench.leonardo(&members));
        assert!(first.distance(&base) > 5.0 && base.is(&of_id) && unknown.is(&first));
        assert_eq!((base.warnings().len(), unknown.warnings().len()), (0, 1));
    }

    "sd_version" is the_version_chooses_a_kind_of_model |_| {
        let bench = Bench::of_two();
        let of = |version: &str| bench.leonardo(&json!({"sd_version": version}));
        let base = bench.leonardo(&json!({"modelId": "base"}));
        assert!(of("SDXL_1_0").is(&base) && of("SDXL_LIGHTNING").is(&of("v1_5")) && !of("SDXL_LIGHTNING").is(&base));
        assert_eq!((of("SDXL_1_0").warnings().len(), of("FLUX").warnings().len()), (0, 1));
    }

    "negative_prompt" is what_is_to_be_avoided_becomes_less |bench| {
        let [plain, without] = [json!({}), json!({"negative_prompt": "blue background"})]
            .map(|members| bench.leonardo(&members));
        assert!(without.excess(2) < 0.95 * plain.excess(2), "{} {}", without.excess(2), plain.excess(2));
    }

    "num_images" is so_many_are_drawn |bench| {
        let three = bench.generation(&json!({"num_images": 3}));
        assert_eq!(three["generated_images"].as_array().unwrap().len(), 3);
    }

    "num_inference_steps" is so_many_steps_are_done |_| {
        let bench = Bench::of_two();
        let of = |steps: u64| bench.leonardo(&json!({"modelId": "base", "num_inference_steps": steps}));
        let [ten, twenty] = [10, 20].map(of);
        assert!(ten.distance(&twenty) > 0.5, "{}", ten.distance(&twenty));
        assert_eq!([&ten.answer["inferenceSteps"], &twenty.answer["inferenceSteps"]], [10, 20]);
        let distilled = bench.leonardo(&json!({"modelId": "fast", "num_inference_steps": 20}));
        assert_eq!((&distilled.answer["inferenceSteps"], distilled.warnings().len()), (&json!(4), 1));
    }

    "prompt" is the_prompt_is_drawn |bench| {
        let [red, green] = ["a red circle", "a green circle"].map(|prompt| bench.leonardo(&json!({"prompt": prompt})));
        assert!(red.share(0) > green.share(0) + 0.05 && green.share(1) > red.share(1) + 0.05);
    }

    "public" is a_public_picture_needs_no_signature |bench| {
        let url = |public: bool| {
            let generation = bench.generation(&json!({"public": public}));
            generation["generated_images"][0]["url"].as_str().unwrap().to_owned()
        };
        assert!(url(true).contains("/public/") && !url(true).contains("signature="));
        assert!(url(false).contains("signature="));
    }

    "scheduler" is each_scheduler_is_a_sampler_of_its_own_and_the_answer_names_it |bench| {
        let words = ["EULER_DISCRETE", "KLMS", "EULER_ANCESTRAL_DISCRETE", "DDIM", "DPM_SOLVER", "PNDM", "LEONARDO"];
        let samplers = ["euler", "lms", "euler-a", "ddim", "dpmpp-2m", "pndm", "unipc"];
        let drawn = words.map(|word| bench.leonardo(&json!({"scheduler": word})));
        for (at, one) in drawn.iter().enumerate() {
            assert_eq!((&one.answer["scheduler"], &one.answer["sampler"]), (&json!(words[at]), &json!(samplers[at])));
            // Euler's and DDIM's steps are the same where no noise is added.
            let different = drawn[..at].iter().filter(|other| other.distance(one) > 0.05).count();
            assert!(different + 1 >= at, "{}: {different} of {at}", words[at]);
        }
        let none = bench.leonardo(&json!({}));
        assert!(none.is(&drawn[0]) && none.answer["sampler"] == "euler");
    }

    "seed" is a_seed_is_one_picture |bench| {
        let [one, same, other] = [7, 7, 8].map(|seed| bench.leonardo(&json!({"seed": seed})));
        assert!(one.is(&same) && one.distance(&other) > 1.0);
    }

    "enhancePrompt" is words_for_detail_are_added |bench| {
        let [plain, enhanced] = [false, true].map(|enhance| bench.leonardo(&json!({"enhancePrompt": enhance})));
        assert!(plain.distance(&enhanced) > 0.2, "{}", plain.distance(&enhanced));
    }

    "enhancePromptInstruction" is the_instruction_is_drawn_too |bench| {
        let of = |words: &str| {
            bench.leonardo(&json!({"prompt": "a circle", "enhancePrompt": true, "enhancePromptInstruction": words}))
        };
        let [red, green] = ["red", "green"].map(of);
        assert!(red.distance(&green) > 2.0, "{}", red.distance(&green));
        let unused = bench.leonardo(&json!({"enhancePromptInstruction": "green"}));
        assert_eq!(unused.warnings().len(), 1);
    }

    "elements" is an_element_is_a_lora_with_a_weight |_| {
        let bench = Bench::with_loras();
        let loras = bench.get("/elements")["loras"].take();
        assert_eq!([&loras[0]["name"], &loras[1]["name"]], ["fox", "ink"]);
        let of = |weight: f64| bench.leonardo(&json!({"elements": [{"akUUID": loras[0]["akUUID"], "weight": weight}]}));
        let tag = bench.leonardo(&json!({"prompt": format!("{PROMPT} <lora:fox:0.5>")}));
        let [none, half, strong] = [0.0, 0.5, 8.0].map(of);
        assert!(half.is(&tag), "{}", half.distance(&tag));
        let [from_none, from_half] = [&none, &half].map(|other| strong.distance(other));
        assert!(from_none > 0.1 && from_half > 0.05, "{from_none} {from_half}");
        assert!(none.is(&bench.leonardo(&json!({}))));
        let used = &half.answer["generation_elements"][0];
        assert_eq!((&used["weightApplied"], &used["lora"]["name"]), (&json!(0.5), &json!("fox")));
        assert_eq!(used["lora"]["akUUID"], loras[0]["akUUID"]);
        assert_eq!(bench.leonardo(&json!({})).answer["generation_elements"], json!([]));
        assert_eq!(bench.refused(&json!({"elements": [{"akUUID": "wolf"}]})), "elements[0].akUUID");
    }

    "userElements" is the_same_by_number |_| {
        let bench = Bench::with_loras();
        let loras = bench.get("/elements")["loras"].take();
        let by_number = bench.leonardo(&json!({"userElements": [{"userLoraId": loras[1]["userLoraId"], "weight": 0.8}]}));
        let by_id = bench.leonardo(&json!({"elements": [{"akUUID": loras[1]["akUUID"], "weight": 0.8}]}));
        assert!(by_number.is(&by_id) && !by_number.is(&bench.leonardo(&json!({}))));
        assert_eq!(bench.refused(&json!({"userElements": [{"userLoraId": 5}]})), "userElements[0].userLoraId");
    }
}
