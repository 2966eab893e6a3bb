//! What is refused, and in which words.

use serde_json::{Value, json};

use super::{TABLE, check, request, with};
use crate::fields::Values;

/// Status, field and sentence of the refusal.
fn refusal(body: &Value) -> (u16, String, String) {
    let problem = check(body).expect_err("it must be refused");
    (problem.status, problem.field.unwrap_or_default(), problem.message)
}

/// The sentence with which this member is refused.
fn sentence(name: &str, value: Value) -> String {
    let body = with(name, value);
    let (status, field, message) = refusal(&body);
    assert_eq!(status, 400, "{body}");
    assert!(field.starts_with(name) && message.contains(&format!("`{field}`")), "{field}: {message}");
    message
}

/// Whether this member is taken.
fn takes(name: &str, value: Value) -> bool {
    check(&with(name, value)).is_ok()
}

#[test]
fn sentences_say_what_is_allowed_and_what_came() {
    assert_eq!(
        sentence("side", json!("512")),
        "`side` must be a whole number from 32 to 1536 that is a multiple of 8, not \"512\""
    );
    assert_eq!(sentence("scale", json!(0.5)), "`scale` must be a number from 1 to 20, not 0.5");
    assert_eq!(sentence("word", json!("three")), "`word` must be one of one, two, not \"three\"");
    assert_eq!(sentence("depth", json!(2)), "`depth` must be one of the numbers 1, 1.3, 0.45, not 2");
    assert_eq!(sentence("flag", json!([1])), "`flag` must be true or false, not a list");
    let long = sentence("word", json!("\u{1b}[31m".repeat(50)));
    assert!(long.contains("\\u{1b}[31m") && long.chars().count() < 120, "{long}");
}

#[test]
fn types_are_strict() {
    for value in [json!("4"), json!(true), json!([4]), json!({}), json!(4.5)] {
        sentence("seed", value);
    }
    for value in [json!("7"), json!(false), json!([7])] {
        sentence("scale", value);
    }
    for value in [json!(0), json!(1), json!("true")] {
        sentence("flag", value);
    }
    for value in [json!(1), json!(["a"]), json!({"a": 1}), json!(true)] {
        sentence("prompt", value);
    }
    for value in [json!(1), json!("three"), json!("true"), json!(["one"])] {
        sentence("borders", value);
    }
    assert!(
        takes("borders", json!(true)) && takes("borders", json!(false)) && takes("borders", json!("two"))
    );
    for value in [json!("a"), json!({}), json!([1])] {
        sentence("texts", value.clone());
        sentence("nested", value);
    }
    assert!(takes("texts", json!([null, "a"])) && !takes("pictures", json!([null])));
    assert!(takes("pictures", json!("a")) && takes("pictures", json!(["a"])) && !takes("pictures", json!(1)));
}

#[test]
fn edges_are_inside_and_what_is_beyond_is_not() {
    for (name, inside, beyond) in [
        (
            "side",
            vec![json!(32), json!(1536), json!(40.0)],
            vec![json!(24), json!(33), json!(1544), json!(-32)],
        ),
        ("scale", vec![json!(1), json!(20), json!(1.000_001)], vec![json!(0.999), json!(20.001)]),
        (
            "seed",
            vec![json!(0), json!(i64::MAX), json!(-0.0)],
            vec![json!(-1), json!(u64::MAX), json!(1e300)],
        ),
        ("seed", vec![json!(1e15)], vec![json!(9_223_372_036_854_775_808.0), json!(-1e300)]),
        ("prompt", vec![json!("é".repeat(12))], vec![json!(""), json!("é".repeat(13)), json!("a\0b")]),
        (
            "size",
            vec![json!("64x2048"), json!("64*2048"), json!("auto")],
            vec![json!("56x64"), json!("64x2056"), json!("64x65")],
        ),
        (
            "margins",
            vec![json!([0, 64, 7.0])],
            vec![
                json!([0, 1]),
                json!([0, 1, 2, 3]),
                json!([0, 1, 65]),
                json!([0, 1, 0.5]),
                json!([0, 1, "2"]),
            ],
        ),
        ("free", vec![json!(f64::MAX), json!(f64::MIN)], vec![json!("inf")]),
    ] {
        for value in inside {
            assert!(takes(name, value.clone()), "{name}: {value} is allowed");
        }
        for value in beyond {
            sentence(name, value);
        }
    }
}

#[test]
fn a_size_is_plain_digits() {
    for size in [
        "", "x", "*", "64*64x64", "64**64", "64", "64x", "x64", "64X64", "064x64", "+64x64", "64x64 ",
        " 64x64", "64x64x64", "６4x64",
    ] {
        sentence("size", json!(size));
    }
    sentence("size", json!(format!("{}x64", "8".repeat(400))));
    sentence("size", json!("AUTO"));
}

#[test]
fn null_means_absent_and_only_what_is_required_must_be_there() {
    assert!(sentence("prompt", json!(null)).ends_with("not null"));
    for field in TABLE.iter().skip(1) {
        assert!(takes(field.name, json!(null)), "{}", field.name);
    }
    assert!(sentence("nested", json!([{"id": null}])).contains("`nested[0].id`"));
    assert!(takes("nested", json!([{"id": "a", "weight": null}])));
}

#[test]
fn a_size_that_is_too_large_is_told_the_largest_of_its_shape() {
    for (size, instead) in [
        ("3840x2160", "2048x1152"),
        ("2160x3840", "1152x2048"),
        ("4096*4096", "2048x2048"),
        ("100000x8", "2048x64"),
    ] {
        let message = sentence("size", json!(size));
        assert!(message.contains("from 64 to 2048") && message.contains(size), "{message}");
        assert!(message.ends_with(&format!("; {instead} has its shape")), "{message}");
    }
    assert!(sentence("size", json!("100x100")).ends_with("not \"100x100\""));
}

#[test]
fn what_is_missing_is_named_with_what_it_must_be() {
    let (status, field, message) = refusal(&json!({"flag": true}));
    assert_eq!((status, field.as_str()), (400, "prompt"));
    assert_eq!(message, "`prompt` is missing; it must be text of 1 to 12 characters without NUL");
}

#[test]
fn members_of_objects_in_lists_are_named_by_their_place() {
    assert!(
        sentence("nested", json!([{"id": "a"}, {"id": "b", "weight": 3}])).contains("`nested[1].weight`")
    );
    assert!(sentence("nested", json!([{}])).contains("`nested[0].id` is missing"));
    assert!(sentence("nested", json!([[]])).contains("`nested[0]` must be an object, not a list"));
}

#[test]
fn what_is_lacking_is_refused_unless_it_switches_nothing_on() {
    for (name, on, off) in [
        ("tiling", json!(true), json!(false)),
        ("controls", json!([{"id": "a"}]), json!([])),
        ("ratio", json!(1.5), json!(1.0)),
        ("faces", json!(["a", null]), json!([null])),
        ("solver", json!("two"), json!("IN")),
    ] {
        let problem = check(&with(name, on)).unwrap_err();
        assert_eq!(
            (problem.status, problem.code, problem.field.as_deref()),
            (400, "not_supported", Some(name))
        );
        assert!(
            problem.message.contains("is not supported yet; leave it out, or send "),
            "{}",
            problem.message
        );
        assert!(takes(name, off));
    }
    let canvas = sentence("canvas", json!("IN"));
    assert_eq!(canvas, "`canvas`: \"IN\" is not supported yet; leave it out");
    assert!(sentence("canvas", json!("ON")).contains("must be one of IN, OUT"), "errors come first");
}

#[test]
fn a_body_must_be_said_to_be_json_or_nothing() {
    let status = |said: Option<&str>| {
        let request = request(said, r#"{"prompt": "a cat"}"#);
        Values::of(&request, TABLE).map_or_else(|problem| problem.status, |_| 200)
    };
    for json in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json", ""] {
        assert_eq!(status(Some(json)), 200, "{json:?}");
    }
    assert_eq!(status(None), 200);
    for other in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "json",
        "+json",
    ] {
        assert_eq!(status(Some(other)), 415, "{other:?}");
    }
}

#[test]
fn a_body_must_be_one_object_of_a_bounded_size() {
    let status = |body: Vec<u8>| {
        Values::of(&request(None, body), TABLE).map_or_else(|problem| problem.status, |_| 200)
    };
    let bodies: [&[u8]; 8] = [
        b"",
        b" ",
        b"[]",
        b"\"prompt\"",
        b"{\"prompt\": \"a cat\"",
        b"{} {}",
        b"\xff\xfe",
        b"{\"prompt\": 1e999}",
    ];
    for body in bodies {
        assert_eq!(status(body.to_vec()), 400, "{}", body.escape_ascii());
    }
    let mut padded = br#"{"prompt": "a cat"}"#.to_vec();
    padded.resize(2 << 20, b' ');
    // Beyond that there must be pictures to send.
    let of_words = |body: &[u8]| {
        Values::of(&request(None, body), &TABLE[..3]).map_or_else(|problem| problem.status, |_| 200)
    };
    assert_eq!(of_words(&padded), 200);
    padded.push(b' ');
    assert_eq!((of_words(&padded), status(padded)), (413, 200));
    let deep = format!("{{\"prompt\": \"a\", \"x\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(status(deep.into_bytes()), 400);
}
