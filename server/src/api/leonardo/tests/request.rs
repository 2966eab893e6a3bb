//! What is drawn, and what answers give back.

use serde_json::{Value, json};

use super::{cat, checked, model};
use crate::api::leonardo::enhance::{DETAIL, Reader};
use crate::api::leonardo::request::Asked;
use crate::api::leonardo::words::{STYLES, VERSIONS};
use crate::jobs::ModelInfo;

fn asked(members: Value) -> Asked {
    of(members, &model(true))
}

fn of(members: Value, model: &ModelInfo) -> Asked {
    let tokens = |text: &str| text.split_whitespace().count();
    Asked::of(&checked(&cat(members)).unwrap(), model, &Reader { most: 75, tokens: &tokens })
}

/// The sentences that the caller of these members reads.
fn told(members: Value, model: &ModelInfo) -> Vec<String> {
    of(members, model).warnings.into_iter().map(|warning| warning.message).collect()
}

#[test]
fn everything_is_decided_when_it_is_asked() {
    let Asked { spec, echo, .. } = asked(json!({}));
    assert_eq!((spec.width, spec.height, spec.images), (1024, 768, 4));
    assert_eq!(spec.prompt, "a cat, dynamic light, vivid detail");
    assert!(spec.seed <= u64::from(u32::MAX));
    assert_eq!((spec.steps, spec.guidance, spec.contrast), (None, None, None));
    let expected = json!({
        "prompt": "a cat", "negativePrompt": null, "public": false, "imageWidth": 1024, "imageHeight": 768,
        "guidanceScale": 0.0, "inferenceSteps": 4, "initStrength": null,
        "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876", "scheduler": "EULER_DISCRETE", "sdVersion": "v1_5",
        "presetStyle": "DYNAMIC", "seed": spec.seed, "photoReal": null, "photoRealStrength": null, "promptMagic": null,
        "promptMagicStrength": null, "promptMagicVersion": null, "ultra": null, "alchemy": true,
    });
    assert_eq!(echo, expected);
}

#[test]
fn a_scheduler_is_a_sampler_and_the_usual_one_is_the_models_own() {
    for (scheduler, sampler) in [
        ("EULER_DISCRETE", Some("euler")),
        ("LEONARDO", Some("unipc")),
        ("EULER_ANCESTRAL_DISCRETE", Some("euler-a")),
        ("KLMS", Some("lms")),
        ("DDIM", Some("ddim")),
        ("DPM_SOLVER", Some("dpmpp-2m")),
        ("PNDM", Some("pndm")),
    ] {
        let Asked { spec, echo, warnings } = asked(json!({"scheduler": scheduler}));
        assert_eq!(spec.sampler.as_deref(), sampler, "{scheduler}");
        assert_eq!((&echo["scheduler"], warnings.len()), (&json!(scheduler), 0));
    }
    assert_eq!(asked(json!({})).spec.sampler, None);
}

#[test]
fn no_seed_means_another_one_each_time() {
    let seeds: std::collections::HashSet<u64> = (0..20).map(|_| asked(json!({})).spec.seed).collect();
    assert!(seeds.len() > 15, "{seeds:?}");
}

#[test]
fn what_was_asked_is_drawn_and_given_back() {
    let members = json!({
        "width": 512, "height": 640, "num_images": 6, "seed": 9_999_999_998_u64, "guidance_scale": 7.3,
        "negative_prompt": "a dog", "scheduler": "LEONARDO", "sd_version": "SDXL_LIGHTNING", "modelId": "mine",
        "public": true, "presetStyle": "NONE", "promptMagic": true, "promptMagicStrength": 0.4,
        "promptMagicVersion": "v3", "highContrast": false, "highResolution": true, "fantasyAvatar": true,
        "expandedDomain": true, "init_strength": 0.3, "ultra": false, "photoReal": false,
    });
    let Asked { spec, echo, .. } = asked(members);
    assert_eq!((spec.drawn, spec.images, spec.seed), (Some([512, 640]), 6, 9_999_999_998));
    assert_eq!((spec.width, spec.height), (768, 960), "it is drawn again, half as large again");
    assert_eq!((spec.prompt.as_str(), spec.negative_prompt.as_deref()), ("a cat", Some("a dog")));
    assert_eq!(spec.guidance, Some(7.3));
    for (member, value) in [
        ("imageWidth", json!(512)),
        ("imageHeight", json!(640)),
        ("seed", json!(9_999_999_998_u64)),
        ("guidanceScale", json!(7.3)),
        ("negativePrompt", json!("a dog")),
        ("scheduler", json!("LEONARDO")),
        ("sdVersion", json!("SDXL_LIGHTNING")),
        ("modelId", json!("mine")),
        ("public", json!(true)),
        ("presetStyle", json!("NONE")),
        ("promptMagic", json!(true)),
        ("promptMagicStrength", json!(0.4)),
        ("promptMagicVersion", json!("v3")),
        ("highContrast", json!(false)),
        ("highResolution", json!(true)),
        ("fantasyAvatar", json!(true)),
        ("expandedDomain", json!(true)),
        ("initStrength", json!(0.3)),
        ("ultra", json!(false)),
        ("photoReal", json!(false)),
    ] {
        assert_eq!(echo[member], value, "{member}");
    }
}

#[test]
fn a_distilled_model_does_its_own_steps_and_says_so() {
    for steps in [10, 15, 60] {
        let Asked { spec, echo, .. } = asked(json!({"num_inference_steps": steps}));
        assert_eq!((spec.steps, &echo["inferenceSteps"]), (None, &json!(4)));
    }
}

#[test]
fn another_model_does_the_steps_that_were_asked_or_fifteen() {
    for (members, steps) in [(json!({}), 15), (json!({"num_inference_steps": 60}), 60)] {
        let Asked { spec, echo, .. } = of(members, &model(false));
        assert_eq!(
            (spec.steps, &echo["inferenceSteps"], &echo["guidanceScale"]),
            (Some(steps), &json!(steps), &json!(5.0))
        );
    }
}

#[test]
fn what_official_clients_send_by_themselves_is_not_told() {
    let usual = json!({
        "alchemy": true, "presetStyle": "DYNAMIC", "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876", "num_images": 4,
        "width": 1024, "height": 768,
    });
    assert_eq!(told(usual, &model(true)), [""; 0]);
    assert_eq!(told(json!({}), &model(false)), [""; 0]);
}

#[test]
fn what_changes_nothing_is_told() {
    let inert = json!({
        "photoRealVersion": "v2", "photoRealStrength": 0.5,
        "promptMagicStrength": 0.5, "promptMagicVersion": "v3", "controlNetType": "POSE",
        "weighting": 0.5, "modelId": "aa77f04e-3eec-4034-9c07-d0f619684628", "sd_version": "FLUX",
        "num_inference_steps": 30, "enhancePromptInstruction": "in a garden",
    });
    let told_of = told(inert.clone(), &model(true));
    for name in inert.as_object().unwrap().keys() {
        let about = told_of.iter().filter(|told| told.starts_with(&format!("`{name}`"))).count();
        assert_eq!(about, 1, "{name}: {told_of:?}");
    }
    assert_eq!(told_of.len(), inert.as_object().unwrap().len(), "{told_of:?}");
}

#[test]
fn the_model_may_be_called_by_its_id_its_name_and_its_version() {
    let id = crate::api::leonardo::ids::stable_id("model", "a model");
    for (members, distilled) in [
        (json!({"modelId": id, "sd_version": "SDXL_LIGHTNING"}), true),
        (json!({"modelId": "a model", "sd_version": "SDXL_1_0"}), false),
    ] {
        assert_eq!(told(members.clone(), &model(distilled)), [""; 0], "{members}");
    }
    let other = told(json!({"sd_version": "SDXL_LIGHTNING"}), &model(false));
    assert_eq!(other, ["`sd_version`: \"SDXL_LIGHTNING\" is not loaded here; a model draws"]);
}

#[test]
fn seeds_of_more_than_32_bits_are_told_what_they_draw_like() {
    let same = told(json!({"seed": 4_294_967_297_u64}), &model(true));
    assert!(same[0].contains("draws the same picture as 1,") && same.len() == 1, "{same:?}");
    assert_eq!(told(json!({"seed": 4_294_967_295_u64}), &model(true)), [""; 0]);
}

#[test]
fn minus_one_is_any_seed() {
    let seeds: std::collections::HashSet<u64> =
        (0..20).map(|_| asked(json!({"seed": -1})).spec.seed).collect();
    assert!(seeds.len() > 15 && seeds.iter().all(|seed| *seed <= u64::from(u32::MAX)), "{seeds:?}");
}

#[test]
fn a_style_and_an_enhancement_are_drawn_however_long_the_prompt_is() {
    let prompt = "a red circle and ".repeat(40);
    let members = json!({"prompt": prompt, "presetStyle": "SKETCH_BW", "enhancePrompt": true});
    let Asked { spec, echo, warnings } = asked(members);
    assert!(spec.prompt.ends_with(&format!(", black and white pencil sketch, {DETAIL}")), "{}", spec.prompt);
    assert_eq!((echo["prompt"].as_str(), warnings.len()), (Some(prompt.as_str()), 1));
    assert_eq!((warnings[0].code, warnings[0].field.as_deref()), ("prompt_cut", Some("prompt")));
}

#[test]
fn without_alchemy_the_usual_style_is_none() {
    let Asked { spec, echo, .. } = asked(json!({"alchemy": false}));
    assert_eq!(
        (spec.prompt.as_str(), &echo["presetStyle"], &echo["alchemy"]),
        ("a cat", &json!("NONE"), &json!(false))
    );
}

#[test]
fn every_style_and_version_is_given_back_as_sent() {
    for style in STYLES {
        assert_eq!(asked(json!({"presetStyle": style})).echo["presetStyle"], json!(style));
    }
    for version in VERSIONS {
        assert_eq!(asked(json!({"sd_version": version})).echo["sdVersion"], json!(version));
    }
}

#[test]
fn an_enhanced_prompt_is_always_the_same_one() {
    let members =
        json!({"enhancePrompt": true, "enhancePromptInstruction": "in a garden", "presetStyle": "NONE"});
    let [first, second] = [asked(members.clone()), asked(members)].map(|asked| asked.spec.prompt);
    assert_eq!((first.as_str(), &first), (format!("a cat, in a garden, {DETAIL}").as_str(), &second));
    let silent = asked(
        json!({"enhancePrompt": false, "enhancePromptInstruction": "in a garden", "presetStyle": "NONE"}),
    );
    assert_eq!(silent.spec.prompt, "a cat");
    assert_eq!(silent.echo["prompt"], "a cat", "the request is echoed, not what was made of it");
}

#[test]
fn more_contrast_is_more_and_the_middle_changes_nothing() {
    let factor = |members| asked(members).spec.contrast;
    let mut last = 0.0;
    for contrast in [1.0, 1.3, 1.8, 2.5, 3.0, 3.5, 4.0, 4.5] {
        let now = factor(json!({"contrast": contrast})).unwrap();
        assert!(now > last, "{contrast}: {now} is not above {last}");
        last = now;
    }
    assert_eq!(factor(json!({"contrast": 3.5})), Some(1.0));
    assert_eq!(factor(json!({"contrastRatio": 0.5})), Some(1.0));
    let ratios = [0.0, 0.25, 1.0].map(|ratio| factor(json!({"contrastRatio": ratio})));
    assert_eq!(ratios, [Some(0.75), Some(0.875), Some(1.25)]);
    assert_eq!(factor(json!({"contrast": 1.0, "contrastRatio": 1.0})), Some(0.625));
    assert_eq!(factor(json!({})), None);
}
