//! Members without effect are warned of, and others are not.

use serde_json::{Value, json};

use super::{check, with};

/// The sentences about a body.
fn told(body: &Value) -> Vec<String> {
    let values = check(body).unwrap();
    values.warnings(&["the-model", "another-name"]).into_iter().map(|warning| warning.message).collect()
}

/// The sentences about one member.
fn about(name: &str, value: Value) -> Vec<String> {
    told(&with(name, value))
}

#[test]
fn what_does_something_or_asks_for_nothing_is_not_told() {
    for (name, values) in [
        ("side", json!([64, null])),
        ("seed", json!([0])),
        ("bare", json!([null])),
        ("shine", json!([false, null])),
        ("quality", json!(["one", "two", "IN", null])),
        ("base", json!(["usual", "the-model", "another-name", "", null])),
        ("nobody knows it", json!([null])),
        ("nested", json!([[{"id": "a", "more": null}]])),
        ("frames", json!([null])),
        ("tiling", json!([false])),
        ("faces", json!([[], [null]])),
    ] {
        for value in values.as_array().unwrap() {
            assert_eq!(about(name, value.clone()), [""; 0], "{name}: {value}");
        }
    }
}

#[test]
fn what_changes_nothing_is_told_by_its_name_and_value() {
    assert_eq!(about("bare", json!("one")), ["`bare`: \"one\" has no effect here"]);
    assert_eq!(about("shine", json!(true)), ["`shine`: true has no effect here"]);
    assert_eq!(about("frames", json!(9)), ["`frames` has no effect unless `flag` is false"]);
    let off = json!({"prompt": "a cat", "frames": 9, "flag": false});
    assert_eq!(told(&off), [""; 0], "it has an effect now");
}

#[test]
fn another_model_than_the_one_that_draws_is_told() {
    assert_eq!(about("base", json!("sdxl")), ["`base`: \"sdxl\" is not loaded here; the-model draws"]);
}

#[test]
fn members_that_nobody_knows_are_told_in_one_bounded_sentence() {
    let one = about("negativ_prompt", json!("a dog"));
    assert_eq!(
        one,
        ["`negativ_prompt` is not known here and was ignored; GET /openapi.json lists what is known"]
    );
    let nested = about("nested", json!([{"id": "a"}, {"id": "b", "wait": 1, "width": 2}]));
    assert!(nested[0].starts_with("`nested[1].wait`, `nested[1].width` are not known"), "{nested:?}");
    let values = check(&with("negativ_prompt", json!("a dog"))).unwrap();
    assert_eq!(values.warnings(&[""])[0].field, Some("negativ_prompt".into()));
    let mut many = json!({"prompt": "a cat"});
    for i in 0..500 {
        many[format!("{i:04}\u{1b}[31m{}", "x".repeat(1000))] = json!(i);
    }
    let told = told(&many);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(" and 492 more are not known here"), "{}", told[0]);
    assert!(told[0].len() < 1000 && !told[0].contains('\u{1b}'), "{}", told[0]);
}
