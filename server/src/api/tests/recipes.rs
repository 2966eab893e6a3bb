//! Members of `POST /generations` that are recipes: each changes the picture in the direction that its description says.

use serde_json::json;

use super::bench::{Bench, SIDE};
use super::drawn::Drawn;
use super::tested;

/// Without and with these members.
fn pair(bench: &Bench, members: &serde_json::Value) -> [Drawn; 2] {
    [bench.leonardo(&json!({})), bench.leonardo(members)]
}

tested! {
    "alchemy" is alchemy_adds_contrast_and_without_it_there_is_no_style |bench| {
        let [off, on] = pair(bench, &json!({"alchemy": true, "presetStyle": "NONE"}));
        assert!(on.contrast() > off.contrast() * 1.02, "{} {}", on.contrast(), off.contrast());
        let two = Bench::of_two();
        let large = json!({"width": 256, "height": 256, "presetStyle": "NONE"});
        let [once, twice] = [false, true]
            .map(|alchemy| two.leonardo(&super::bench::with(large.clone(), &json!({"alchemy": alchemy}))));
        assert!(twice.size() == (256, 256) && twice.distance(&once) > 5.0, "{}", twice.distance(&once));
        let [with, without] = [true, false].map(|alchemy| bench.leonardo(&json!({"alchemy": alchemy})));
        assert_eq!((&with.answer["presetStyle"], &without.answer["presetStyle"]), (&json!("DYNAMIC"), &json!("NONE")));
    }

    "contrastRatio" is a_larger_ratio_is_more_contrast |bench| {
        let [low, middle, high] = [0.0, 0.5, 1.0].map(|ratio| bench.leonardo(&json!({"contrastRatio": ratio})));
        assert!(low.contrast() < 0.9 * middle.contrast() && high.contrast() > 1.05 * middle.contrast());
    }

    "contrast" is more_contrast_is_more |bench| {
        let [low, middle, high] = [1.0, 3.5, 4.5].map(|contrast| bench.leonardo(&json!({"contrast": contrast})));
        assert!(low.contrast() < 0.7 * middle.contrast() && high.contrast() > 1.05 * middle.contrast());
    }

    "highContrast" is more_contrast_or_the_raw_picture |bench| {
        let [plain, high] = pair(bench, &json!({"highContrast": true}));
        assert!(high.contrast() > 1.1 * plain.contrast());
        let raw = json!({"highContrast": false, "alchemy": true, "presetStyle": "VIBRANT", "contrastRatio": 0.5});
        assert!(bench.leonardo(&raw).is(&plain), "no style, no alchemy");
        let styled = bench.leonardo(&json!({"alchemy": true, "presetStyle": "VIBRANT"}));
        assert!(!styled.is(&plain));
    }

    "highResolution" is the_picture_is_drawn_again_half_as_large_again |bench| {
        let [plain, large] = pair(bench, &json!({"highResolution": true}));
        assert_eq!((plain.size(), large.size()), ((SIDE, SIDE), (SIDE * 3 / 2, SIDE * 3 / 2)));
        let resampled = bench.leonardo(&json!({"upscaleRatio": 1.5}));
        assert!(large.distance(&resampled) > 0.5, "{}", large.distance(&resampled));
    }

    "ultra" is the_picture_is_drawn_again_twice_as_large_and_not_with_alchemy |bench| {
        let [plain, large] = pair(bench, &json!({"ultra": true}));
        assert_eq!((plain.size(), large.size()), ((SIDE, SIDE), (SIDE * 2, SIDE * 2)));
        assert_eq!(large.answer["ultra"], true);
        assert_eq!(bench.refused(&json!({"ultra": true, "alchemy": true})), "ultra");
    }

    "expandedDomain" is tones_and_colours_reach_further |bench| {
        let of = |on: bool| {
            bench.leonardo(&json!({"expandedDomain": on, "prompt": "a gray circle on a brown background"}))
        };
        let [plain, wide] = [false, true].map(of);
        assert!(wide.range() > plain.range() + 5.0, "{} {}", wide.range(), plain.range());
    }

    "fantasyAvatar" is colours_are_stronger_and_corners_darker |bench| {
        let [plain, avatar] = pair(bench, &json!({"fantasyAvatar": true}));
        assert!(avatar.corners() < 0.8 * plain.corners(), "{} {}", avatar.corners(), plain.corners());
        assert_eq!(avatar.answer["generated_images"][0]["fantasyAvatar"], true);
    }

    "photoReal" is colours_become_natural_and_borders_soft |bench| {
        let [plain, real] = pair(bench, &json!({"alchemy": true, "photoReal": true, "presetStyle": "NONE"}));
        assert!(real.saturation() < 0.95 * plain.saturation(), "{} {}", real.saturation(), plain.saturation());
        assert_eq!(bench.refused(&json!({"photoReal": true})), "photoReal");
    }

    "photoRealVersion" is the_second_has_a_wider_range_than_the_first |bench| {
        let of = |version: &str| {
            let members = json!({"alchemy": true, "photoReal": true, "photoRealVersion": version, "prompt": "a gray circle on a brown background"});
            bench.leonardo(&members)
        };
        let [first, second] = ["v1", "v2"].map(of);
        assert!(second.range() > first.range() + 5.0, "{} {}", second.range(), first.range());
        let v1 = json!({"alchemy": true, "photoReal": true, "photoRealVersion": "v1", "modelId": "mine"});
        assert_eq!(bench.refused(&v1), "photoRealVersion");
    }

    "photoRealStrength" is a_lower_number_is_more_blur_at_the_borders |bench| {
        let of = |strength: f64| {
            let members = json!({"alchemy": true, "photoReal": true, "photoRealStrength": strength});
            bench.leonardo(&with_stripes(&members))
        };
        let [low, medium, high] = [0.55, 0.5, 0.45].map(|strength| of(strength).edges([0.8, 1.0]));
        assert!(low > medium && medium > high, "{low} {medium} {high}");
        assert!(bench.leonardo(&json!({"photoRealStrength": 0.45})).warnings()[0].contains("photoReal"));
    }

    "presetStyle" is words_are_added_and_some_do_more |bench| {
        let of = |style: &str| bench.leonardo(&json!({"alchemy": true, "presetStyle": style}));
        let [none, dynamic, vibrant, grey] = ["NONE", "DYNAMIC", "VIBRANT", "MONOCHROME"].map(of);
        assert!(!none.is(&dynamic) && dynamic.is(&bench.leonardo(&json!({"alchemy": true}))));
        assert!(vibrant.saturation() > 1.1 * none.saturation() && grey.saturation() < 1.0);
    }

    "promptMagic" is the_prompt_weighs_more |bench| {
        let [plain, magic] = pair(bench, &json!({"promptMagic": true}));
        assert!(plain.distance(&magic) > 1.0, "{}", plain.distance(&magic));
    }

    "promptMagicStrength" is more_strength_is_further_away |bench| {
        let of = |strength: f64| bench.leonardo(&json!({"promptMagic": true, "promptMagicStrength": strength}));
        let plain = bench.leonardo(&json!({}));
        let [weak, strong] = [0.1, 1.0].map(|strength| of(strength).distance(&plain));
        assert!(strong > 1.3 * weak, "{strong} {weak}");
        assert!(of(1.0).saturation() > of(0.1).saturation());
    }

    "promptMagicVersion" is the_third_has_more_contrast_than_the_second |bench| {
        let of = |version: &str| bench.leonardo(&json!({"promptMagic": true, "promptMagicVersion": version}));
        let [second, third] = ["v2", "v3"].map(of);
        assert!(third.contrast() > 1.05 * second.contrast(), "{} {}", third.contrast(), second.contrast());
        assert!(of("v2").is(&bench.leonardo(&json!({"promptMagic": true}))), "it is the second where nothing is said");
    }

    "transparency" is the_background_is_transparent |bench| {
        let of = |word: &str| bench.leonardo(&json!({"transparency": word}));
        let [plain, cut] = ["disabled", "foreground_only"].map(of);
        assert_eq!((plain.picture.alpha, plain.picture.rgb.len()), (None, SIDE * SIDE * 3));
        let alpha = cut.picture.alpha.unwrap();
        let at = |x: usize, y: usize| alpha[y * SIDE + x];
        assert_eq!([at(0, 0), at(SIDE - 1, SIDE - 1), at(SIDE / 2, SIDE / 2)], [0, 0, 255]);
    }

    "upscaleRatio" is the_picture_is_so_much_larger |bench| {
        let of = |ratio: f64| bench.leonardo(&json!({"upscaleRatio": ratio}));
        assert_eq!([of(1.0).size(), of(1.5).size(), of(4.0).size()], [(SIDE, SIDE), (192, 192), (512, 512)]);
        assert_eq!(of(2.0).answer["imageWidth"], SIDE);
        assert_eq!(bench.refused(&json!({"upscaleRatio": 5})), "upscaleRatio");
    }

    "tiling" is opposite_borders_continue_each_other |bench| {
        let prompt = "a red circle on a gradient blue background";
        let [plain, tile] = [false, true].map(|tiling| bench.leonardo(&json!({"prompt": prompt, "tiling": tiling})));
        assert!(tile.seam() < 0.1 * plain.seam(), "{} {}", tile.seam(), plain.seam());
    }
}

/// With a prompt that has edges everywhere.
fn with_stripes(members: &serde_json::Value) -> serde_json::Value {
    super::bench::with(json!({"prompt": "a big purple heart on a striped yellow background"}), members)
}
