//! The description and the check allow the same values.

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{TABLE, check, with};
use crate::fields::schema;

/// Whether a schema's list of values, if it has one, has this one.
fn lists(schema: &Value, value: &Value) -> bool {
    let one = schema.get("const").map(|one| json!([one]));
    match one.as_ref().unwrap_or(&schema["enum"]) {
        Value::Array(values) => values.iter().any(|listed| match (listed.as_f64(), value.as_f64()) {
            (Some(listed), Some(value)) => listed == value,
            _ => listed == value,
        }),
        _ => true,
    }
}

/// Whether a number is of one of these types and within a schema's bounds.
fn bounds(schema: &Value, types: &[&str], value: &Value) -> bool {
    let word = |word: &str| schema.get(word).and_then(Value::as_f64);
    let (n, most) = (value.as_f64().unwrap(), word("maximum").unwrap_or(f64::MAX));
    let whole = n.fract() == 0.0 && types.contains(&"integer");
    // The one bound that an f64 cannot hold exactly.
    let below = if most == 2f64.powi(63) { n < most || value.as_i64().is_some() } else { n <= most };
    (whole || types.contains(&"number"))
        && word("const").is_none_or(|only| n == only)
        && n >= word("minimum").unwrap_or(f64::MIN)
        && below
        && word("multipleOf").is_none_or(|of| n % of == 0.0)
}

/// Whether a value is one that a schema allows, by the words that our descriptions use.
fn allows(schema: &Value, value: &Value) -> bool {
    let count = |word: &str| schema.get(word).and_then(Value::as_u64).map(|count| count as usize);
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().any(|schema| allows(schema, value));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let fits = match value {
        Value::Null => types.contains(&"null"),
        Value::Bool(_) => types.contains(&"boolean") && schema["not"]["const"] != *value,
        Value::Number(_) => bounds(schema, &types, value),
        Value::String(text) => {
            let length = text.chars().count();
            let pattern =
                schema.get("pattern").and_then(Value::as_str).map(|pattern| Regex::new(pattern).unwrap());
            types.contains(&"string")
                && (count("minLength").unwrap_or(0)..=count("maxLength").unwrap_or(usize::MAX))
                    .contains(&length)
                && pattern.is_none_or(|pattern| pattern.is_match(text))
        }
        Value::Array(items) => {
            types.contains(&"array")
                && (count("minItems").unwrap_or(0)..=count("maxItems").unwrap_or(usize::MAX))
                    .contains(&items.len())
                && schema.get("items").is_none_or(|schema| items.iter().all(|item| allows(schema, item)))
        }
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten();
            types.contains(&"object")
                && required.into_iter().all(|name| members.contains_key(name.as_str().unwrap()))
                && members.iter().all(|(name, value)| {
                    schema["properties"].get(name).is_none_or(|schema| allows(schema, value))
                })
        }
    };
    fits && lists(schema, value)
}

/// Any JSON, with words and numbers that are nearly right more often than chance would have it.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0i64..2000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-30i32..30).prop_map(|n| Value::from(f64::from(n) / 4.0)),
        prop_oneof![Just(json!(1.3)), Just(json!(0.45)), Just(json!(1.0)), Just(json!(i64::MAX))],
        "\\PC{0,14}".prop_map(Value::from),
        "(one|two|IN|usual|auto|a\u{0}b|a\nb)".prop_map(Value::from),
        "[0-9]{1,4}[x*][0-9]{1,4}".prop_map(Value::from),
        Just(json!([])),
        Just(json!([null])),
        prop::collection::vec(-1i64..66, 2..5).prop_map(Value::from),
        Just(json!("")),
        Just(json!(0)),
        ((60usize..2056), (8usize..257)).prop_map(|(w, h)| json!(format!("{}x{}", w, h * 8))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(id|weight|x|image_url)", inner, 0..3)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_the_schema_allows_passes_and_nothing_else(field in prop::sample::select(TABLE), value in json()) {
        let body = with(field.name, value);
        let (allowed, checked) = (allows(&schema(TABLE), &body), check(&body));
        prop_assert_eq!(allowed, checked.is_ok(), "{}: {:?}", body, checked);
    }

    #[test]
    fn no_bytes_whatever_bring_the_check_down(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = crate::fields::Values::of(&super::request(None, body), TABLE);
    }

    #[test]
    fn no_json_whatever_brings_the_check_down(body in json()) {
        let _ = check(&body);
    }
}

#[test]
fn every_size_is_described_as_it_is_checked() {
    let schema = schema(TABLE);
    for side in 0..=2200 {
        for size in [format!("{side}x512"), format!("512x{side}"), format!("512*{side}")] {
            let body = with("size", json!(size));
            assert_eq!(allows(&schema, &body), check(&body).is_ok(), "{size}");
        }
    }
}

#[test]
fn a_schema_says_all_that_a_table_says() {
    let schema = schema(TABLE);
    assert_eq!(schema["required"], json!(["prompt"]));
    let side = json!({"type": ["integer", "null"], "minimum": 32, "maximum": 1536, "multipleOf": 8,
        "default": 768, "description": "A side."});
    assert_eq!(schema["properties"]["side"], side);
    let words = json!([{"type": "string", "enum": ["one", "two"]}, {"type": "null"}]);
    let word = json!({"anyOf": words, "default": "two", "description": "A word."});
    assert_eq!(schema["properties"]["word"], word);
    let tiling = &schema["properties"]["tiling"];
    assert_eq!((&tiling["not"], &tiling["deprecated"]), (&json!({"const": true}), &json!(true)));
    assert_eq!(tiling["description"], "Tiles. Not supported yet: leave it out, or send false.");
    let free = json!({"type": ["number", "null"], "description": "Any number."});
    assert_eq!(schema["properties"]["free"], free);
    let frames = &schema["properties"]["frames"]["description"];
    assert_eq!(frames, "Frames. Only where `flag` is false.");
    let quality = &schema["properties"]["quality"]["description"];
    assert_eq!(
        quality,
        "A quality. `two`: no words of `presetStyle` or of recipes, and nothing is done to the finished picture."
    );
}
