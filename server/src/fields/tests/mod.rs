//! What a table lets through, and that its description says the same.

mod agree;
mod charset;
mod form;
mod refuse;
mod warn;

use serde_json::{Map, Value, json};

use super::{Effect, Field, FieldType, Look, Values, When};
use crate::http::{Method, Request};
use crate::problem::Problem;

const NESTED: &[Field] = &[
    Field::new("id", FieldType::Text { least: 1, most: 8 }, "Which.").required(),
    Field::new("weight", FieldType::Number { least: 0.0, most: 2.0 }, "How much.").or("1"),
];

/// One field of every kind, presence and support.
pub(super) const TABLE: &[Field] = &[
    Field::new("prompt", FieldType::Text { least: 1, most: 12 }, "What to draw.").required(),
    Field::new("flag", FieldType::Flag, "A flag.").or("true"),
    Field::new("side", FieldType::Integer { least: 32, most: 1536, multiple_of: 8 }, "A side.").or("768"),
    Field::new("seed", FieldType::Integer { least: 0, most: i64::MAX, multiple_of: 1 }, "A seed."),
    Field::new("scale", FieldType::Number { least: 1.0, most: 20.0 }, "A scale."),
    Field::new("free", FieldType::Number { least: f64::NEG_INFINITY, most: f64::INFINITY }, "Any number."),
    Field::new("depth", FieldType::NumberOf(&[1.0, 1.3, 0.45]), "A depth."),
    Field::new("word", FieldType::Word(&["one", "two"]), "A word.").or("\"two\""),
    Field::new("borders", FieldType::WordOrFlag(&["one", "two"]), "Borders."),
    Field::new("bare", FieldType::Word(&["one"]), "A word.").hint(&[]),
    Field::new("size", FieldType::Size, "A size.").or("\"1024x1024\""),
    Field::new("nested", FieldType::Objects(NESTED), "Objects."),
    Field::new("texts", FieldType::Texts, "Texts."),
    Field::new("margins", FieldType::Integers { count: 3, least: 0, most: 64 }, "Margins."),
    Field::new("tiling", FieldType::Flag, "Tiles.").lacking(&["false"]).deprecated(),
    Field::new("controls", FieldType::Objects(NESTED), "Lacking objects.").lacking(&["[]"]),
    Field::new("faces", FieldType::Texts, "Lacking texts.").lacking(&["[]"]),
    Field::new("id", FieldType::Text { least: 0, most: 8 }, "A lacking text.").lacking(&["\"\""]),
    Field::new("solver", FieldType::Word(&["one", "two", "IN"]), "Words of which one is lacking.")
        .or("\"one\"")
        .lacking(&["\"one\"", "\"IN\""]),
    Field::new("quality", FieldType::Word(&["one", "two", "IN"]), "A quality.")
        .or("\"one\"")
        .does(&[Effect { when: When::Is("\"two\""), look: Look { raw: true, ..Look::NONE } }]),
    Field::new("shine", FieldType::Flag, "Shines.").hint(&["false"]),
    Field::new("frames", FieldType::Integer { least: 0, most: 9, multiple_of: 1 }, "Frames.")
        .only_where("flag", &["false"]),
    Field::new("base", FieldType::Text { least: 0, most: 12 }, "A model.").or("\"usual\"").model(),
    Field::new("ratio", FieldType::Number { least: 0.0, most: 9.0 }, "A ratio.").lacking(&["1"]),
    Field::new("picture", FieldType::Pictures { several: false }, "A picture."),
    Field::new("pictures", FieldType::Pictures { several: true }, "Pictures."),
    Field::new("file", FieldType::File, "A file."),
    Field::new("canvas", FieldType::Word(&["IN", "OUT"]), "A canvas.").lacking(&[]),
];

pub(super) fn request(content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Request {
    let headers = content_type.map(|said| ("content-type".to_owned(), said.to_owned()));
    Request {
        id: "1".into(),
        method: Method::Post,
        path: "/".into(),
        query: vec![],
        headers: headers.into_iter().collect(),
        body: body.into().into(),
        client: crate::http::Client::default(),
        memory: crate::budget::Memory::default(),
    }
}

pub(super) fn check(body: &Value) -> Result<Values, Problem> {
    Values::of(&request(Some("application/json"), body.to_string()), TABLE)
}

/// A body that is right but for this member.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut body = Map::from_iter([("prompt".to_owned(), json!("a cat"))]);
    body.insert(name.to_owned(), value);
    Value::Object(body)
}

#[test]
fn what_is_absent_or_null_reads_as_its_default() {
    let values = check(&json!({"prompt": "a cat", "side": null})).unwrap();
    assert_eq!(
        (values.integer("side"), values.flag("flag"), values.text("word")),
        (Some(768), Some(true), Some("two"))
    );
    assert_eq!(values.size("size"), Some((1024, 1024)));
    assert!(!values.has("side") && !values.has("flag") && values.has("prompt"));
    assert_eq!((values.integer("seed"), values.number("scale")), (None, None));
}

#[test]
fn what_is_given_is_read_back() {
    let values = check(&json!({
        "prompt": "two\nlines", "flag": false, "side": 512.0, "seed": 9_999_999_998_u64, "scale": 7, "depth": 1,
        "size": "256x1792", "nested": [{"id": "é", "extra": 1}], "texts": ["a", null], "other": {"x": 1},
    }))
    .unwrap();
    assert_eq!((values.text("prompt"), values.flag("flag")), (Some("two\nlines"), Some(false)));
    assert_eq!((values.integer("side"), values.integer("seed")), (Some(512), Some(9_999_999_998)));
    assert_eq!((values.number("scale"), values.number("depth")), (Some(7.0), Some(1.0)));
    assert_eq!(values.size("size"), Some((256, 1792)));
    assert_eq!(values.value("nested"), Some(&json!([{"id": "é"}])), "unknown members are left out");
    assert!(!values.has("other"));
    assert_eq!(check(&with("size", json!("auto"))).unwrap().size("size"), None);
}

#[test]
fn the_last_of_two_members_counts() {
    let body = br#"{"prompt": "a cat", "prompt": "a dog"}"#;
    let values = Values::of(&request(None, body.to_vec()), TABLE).unwrap();
    assert_eq!(values.text("prompt"), Some("a dog"));
}

#[test]
fn every_default_is_json_that_its_own_field_takes() {
    for field in TABLE {
        if let Some(default) = field.default {
            let value = serde_json::from_str(default).unwrap();
            let checked = super::check::checked(field.kind, field.name, value, &mut vec![]);
            assert!(checked.is_ok(), "{}: {checked:?}", field.name);
        }
    }
}
