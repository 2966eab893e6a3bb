//! Every documented field by itself: its type, its edges, null, its default.

use serde_json::{Value, json};

use super::{GENERATION, cat, checked, refused};
use crate::api::leonardo::words::{
    CANVAS_TYPES, CONTROL_TYPES, SCHEDULERS, STYLES, TRANSPARENCIES, VERSIONS,
};
use crate::fields::{Support, schema};

/// The document, in its order: name, type, whether it may be null there, default.
const DOCUMENT: &[(&str, &str, bool, &str)] = &[
    ("alchemy", "boolean", true, "true"),
    ("contrastRatio", "number", true, ""),
    ("contrast", "number", true, ""),
    ("controlnets", "array", true, ""),
    ("elements", "array", true, ""),
    ("userElements", "array", true, ""),
    ("expandedDomain", "boolean", true, ""),
    ("fantasyAvatar", "boolean", true, ""),
    ("guidance_scale", "number", true, ""),
    ("height", "integer", true, "768"),
    ("highContrast", "boolean", true, ""),
    ("highResolution", "boolean", true, ""),
    ("imagePrompts", "array", true, ""),
    ("imagePromptWeight", "number", true, ""),
    ("init_generation_image_id", "string", true, ""),
    ("init_image_id", "string", true, ""),
    ("init_strength", "number", true, ""),
    ("modelId", "string", true, "\"b24e16ff-06e3-43eb-8d33-4416c2d75876\""),
    ("negative_prompt", "string", true, ""),
    ("num_images", "integer", true, "4"),
    ("num_inference_steps", "integer", true, "15"),
    ("photoReal", "boolean", true, ""),
    ("photoRealVersion", "string", true, ""),
    ("photoRealStrength", "number", true, "0.55"),
    ("presetStyle", "string", true, "\"DYNAMIC\""),
    ("prompt", "string", false, "\"A majestic cat in the snow\""),
    ("promptMagic", "boolean", true, ""),
    ("promptMagicStrength", "number", true, ""),
    ("promptMagicVersion", "string", true, ""),
    ("public", "boolean", true, ""),
    ("scheduler", "string", false, "\"EULER_DISCRETE\""),
    ("sd_version", "string", false, "\"v1_5\""),
    ("seed", "integer", true, ""),
    ("tiling", "boolean", true, ""),
    ("transparency", "string", true, ""),
    ("ultra", "boolean", true, ""),
    ("unzoom", "boolean", true, ""),
    ("unzoomAmount", "number", true, ""),
    ("upscaleRatio", "number", true, ""),
    ("width", "integer", true, "1024"),
    ("controlNet", "boolean", true, ""),
    ("controlNetType", "string", false, ""),
    ("weighting", "number", true, ""),
    ("canvasRequest", "boolean", true, ""),
    ("canvasRequestType", "string", true, ""),
    ("canvasInitId", "string", true, ""),
    ("canvasMaskId", "string", true, ""),
    ("enhancePrompt", "boolean", true, ""),
    ("enhancePromptInstruction", "string", true, ""),
];

/// What needs something that the engine has not got yet, and a value that asks for it.
fn lacking() -> Vec<(&'static str, Value)> {
    vec![]
}

/// Whether this member is taken where nothing else is asked for but a small picture.
fn takes(name: &str, value: &Value) -> bool {
    let field = refused(&cat(json!({"width": 512, "height": 512, name: value})));
    assert!(field.as_ref().is_none_or(|field| field.starts_with(name)), "{name}: {field:?}");
    field.is_none()
}

#[test]
fn the_table_is_the_document_name_by_name() {
    let names: Vec<_> = GENERATION.iter().map(|field| field.name).collect();
    let documented: Vec<_> = DOCUMENT.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, documented);
}

#[test]
fn types_nulls_and_defaults_are_the_documented_ones() {
    let schema = schema(GENERATION);
    for (name, kind, nullable, default) in DOCUMENT {
        let described = &schema["properties"][name];
        let words = described.get("anyOf").is_some();
        let type_of = if words { &described["anyOf"][0]["type"] } else { &described["type"] };
        match *name {
            "prompt" => assert_eq!(*type_of, json!(kind)),
            _ if words => {
                let last = described["anyOf"].as_array().and_then(|all| all.last()).unwrap();
                assert_eq!((type_of, &last["type"]), (&json!(kind), &json!("null")));
            }
            _ => assert_eq!(*type_of, json!([kind, "null"]), "{name}"),
        }
        let default = serde_json::from_str(default).unwrap_or(Value::Null);
        assert_eq!(described["default"], default, "{name}");
        // Beyond the document, null is absence wherever nothing is required.
        assert!(takes(name, &json!(null)) || !nullable, "{name}: null");
        assert_eq!(takes(name, &json!(null)), *name != "prompt", "{name}: null");
    }
    assert_eq!(schema["required"], json!(["prompt"]));
    let deprecated = GENERATION.iter().filter(|field| field.deprecated).map(|field| field.name);
    assert_eq!(deprecated.collect::<Vec<_>>(), ["controlNet", "controlNetType", "weighting"]);
}

#[test]
fn values_of_another_type_are_refused() {
    for (name, kind, ..) in DOCUMENT {
        let values = [json!(true), json!(16.5), json!("text that is no word"), json!([1]), json!({"a": 1})];
        for value in values {
            let fits = matches!(
                (*kind, &value),
                ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) | ("string", Value::String(_))
            );
            assert!(fits || !takes(name, &value), "{name}: {value}");
        }
    }
}

#[test]
fn absent_means_the_documented_default() {
    let values = checked(&cat(json!({}))).unwrap();
    assert_eq!((values.integer("width"), values.integer("height")), (Some(1024), Some(768)));
    assert_eq!((values.integer("num_images"), values.integer("num_inference_steps")), (Some(4), Some(15)));
    assert_eq!((values.flag("alchemy"), values.text("presetStyle")), (Some(true), Some("DYNAMIC")));
    assert_eq!((values.text("scheduler"), values.text("sd_version")), (Some("EULER_DISCRETE"), Some("v1_5")));
    assert_eq!(values.text("modelId"), Some("b24e16ff-06e3-43eb-8d33-4416c2d75876"));
    assert_eq!(
        (values.integer("seed"), values.number("guidance_scale"), values.flag("public")),
        (None, None, None)
    );
}

#[test]
fn ranges_hold_at_their_edges() {
    for (name, inside, beyond) in [
        ("contrastRatio", json!([0, 0.5, 1]), json!([-0.01, 1.01])),
        ("contrast", json!([1.0, 1.3, 1.8, 2.5, 3, 3.5, 4, 4.5]), json!([0.9, 1.5, 2, 4.6, 0])),
        ("guidance_scale", json!([1, 7, 20]), json!([0.99, 20.01, 0, -1])),
        ("height", json!([32, 1536, 512.0]), json!([24, 31, 33, 1544, 0, -8, 12.5])),
        ("width", json!([32, 1536, 512.0]), json!([24, 31, 33, 1544, 0, -8, 12.5])),
        ("init_strength", json!([0.1, 0.9]), json!([0.09, 0.91])),
        ("num_images", json!([1, 8]), json!([0, 9, -1, 1.5])),
        ("num_inference_steps", json!([10, 60]), json!([9, 61, 15.5])),
        ("photoRealStrength", json!([0.55, 0.5, 0.45]), json!([0.4, 0.6, 0])),
        ("promptMagicStrength", json!([0.1, 1.0]), json!([0.09, 1.01])),
        ("seed", json!([-1, 0, 2_147_483_648_u64, 9_999_999_998_u64]), json!([9_999_999_999_u64, -2, 0.5])),
        ("imagePromptWeight", json!([-10, 0, 10]), json!(["1", 11])),
        ("weighting", json!([0, 2]), json!(["1", -1, 2.5])),
        ("unzoomAmount", json!([0, 0.5, 3]), json!([-0.1, 3.1])),
        ("upscaleRatio", json!([1, 1.5, 4.0]), json!([0, 4.5])),
    ] {
        for value in inside.as_array().unwrap() {
            assert!(takes(name, value), "{name}: {value} is allowed");
        }
        for value in beyond.as_array().unwrap() {
            assert!(!takes(name, value), "{name}: {value} is not");
        }
    }
}

#[test]
fn words_are_the_documented_ones() {
    for (name, words) in [
        ("presetStyle", STYLES),
        ("sd_version", VERSIONS),
        ("controlNetType", CONTROL_TYPES),
        ("photoRealVersion", &["v1", "v2"]),
        ("promptMagicVersion", &["v2", "v3"]),
        ("scheduler", SCHEDULERS),
        ("transparency", &["disabled"]),
    ] {
        for word in words {
            assert!(takes(name, &json!(word)), "{name}: {word}");
            assert!(!takes(name, &json!(word.to_lowercase() + "_")), "{name}: {word} in other letters");
        }
    }
    assert_eq!((SCHEDULERS.len(), VERSIONS.len(), STYLES.len()), (7, 11, 31));
    assert_eq!((TRANSPARENCIES, CANVAS_TYPES.len()), (&["disabled", "foreground_only"][..], 4));
}

#[test]
fn a_prompt_is_text_and_not_empty() {
    for value in [json!(""), json!(null), json!(["a cat"]), json!(7)] {
        assert_eq!(refused(&json!({"prompt": value})).as_deref(), Some("prompt"));
    }
    assert_eq!(refused(&json!({})).as_deref(), Some("prompt"));
    assert!(checked(&json!({"prompt": "A majestic cat\nin the snow"})).is_ok());
}

#[test]
fn what_is_lacking_is_refused_by_name() {
    for (name, on) in lacking() {
        let problem = checked(&cat(json!({name: on}))).unwrap_err();
        assert_eq!(
            (problem.status, problem.code, problem.field.as_deref()),
            (400, "not_supported", Some(name))
        );
    }
}

#[test]
fn the_list_of_what_is_lacking_is_whole() {
    let lacks = GENERATION.iter().filter(|field| matches!(field.support, Support::Lacking(_)));
    let lacks: Vec<_> = lacks.map(|field| field.name).collect();
    assert_eq!(lacks, lacking().into_iter().map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn what_is_lacking_may_be_said_to_be_off() {
    let off = json!({
        "controlnets": [], "elements": [], "userElements": [], "imagePrompts": [null], "init_image_id": "",
        "init_generation_image_id": "", "photoReal": false, "tiling": false, "transparency": "disabled", "ultra": false,
        "unzoom": false, "unzoomAmount": 0, "upscaleRatio": 1, "controlNet": false, "canvasRequest": false,
        "canvasRequestType": null, "canvasInitId": "", "canvasMaskId": null,
    });
    assert_eq!(refused(&cat(off)), None);
}

#[test]
fn members_of_nested_objects_are_checked_before_they_are_refused() {
    for (name, value, blamed) in [
        ("elements", json!([{"weight": 1}]), "elements[0].akUUID"),
        ("controlnets", json!([{}, {"strengthType": "Highest"}]), "controlnets[1].strengthType"),
        ("controlnets", json!([{"weight": "1"}]), "controlnets[0].weight"),
        ("controlnets", json!([{"initImageType": "FOUND"}]), "controlnets[0].initImageType"),
        ("userElements", json!([{"userLoraId": "1"}]), "userElements[0].userLoraId"),
    ] {
        assert_eq!(refused(&cat(json!({name: value}))).as_deref(), Some(blamed));
    }
}
