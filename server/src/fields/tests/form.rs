use serde_json::{Value, json};

use super::{TABLE, request};
use crate::fields::Form;
use crate::http::Request;
use crate::problem::Problem;

/// A form with these fields; a name that ends in `!` is a file's.
fn form(parts: &[(&str, &str)]) -> Request {
    let part = |(name, content): &(&str, &str)| {
        let file = if name.ends_with('!') { "; filename=\"a.png\"" } else { "" };
        let name = name.trim_end_matches('!');
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
    };
    let parts: String = parts.iter().map(part).collect();
    request(Some("multipart/form-data; boundary=b"), parts + "--b--\r\n")
}

fn refused(parts: &[(&str, &str)]) -> (Option<String>, String) {
    let sent = form(parts);
    let problem = Form::of(&sent, &sent.body.bytes(), TABLE).expect_err("it is wrong");
    let Problem { status, field, message, .. } = problem;
    assert_eq!(status, 400, "{message}");
    (field, message)
}

#[test]
fn texts_are_what_their_fields_are() {
    let sent = form(&[
        ("prompt", "7"),
        ("flag", "false"),
        ("side", "512"),
        ("scale", "1.5"),
        ("word", "two"),
        ("size", ""),
        ("seed", "null"),
        ("nested", r#"[{"id": "a"}]"#),
        ("picture", "data:"),
        ("pictures[]", "one"),
        ("pictures[]", "two"),
        ("pictures!", "\u{1f408}"),
        ("file!", "bytes"),
        ("surprise!", "?"),
    ]);
    let body = sent.body.bytes();
    let mut form = Form::of(&sent, &body, TABLE).unwrap();
    assert_eq!(form.files, [("pictures", "\u{1f408}".as_bytes()), ("file", b"bytes")]);
    let values = &mut form.values;
    assert_eq!(
        (values.text("prompt"), values.flag("flag"), values.integer("side")),
        (Some("7"), Some(false), Some(512))
    );
    assert_eq!((values.number("scale"), values.text("word")), (Some(1.5), Some("two")));
    assert!(!values.has("size") && !values.has("seed"));
    assert_eq!(values.value("nested"), Some(&json!([{"id": "a"}])));
    assert_eq!(values.take_pictures("picture"), ["data:"]);
    assert_eq!(values.take_pictures("pictures"), ["one", "two"]);
    assert_eq!(values.take_pictures("pictures"), [""; 0]);
    let unknown = values.warnings(&["usual"]).into_iter().find(|warning| warning.code == "unknown_member");
    assert!(unknown.unwrap().message.contains("surprise"));
}

#[test]
fn what_a_field_cannot_be_is_refused_as_in_json() {
    let cat = ("prompt", "a cat");
    for (name, text) in
        [("side", "big"), ("flag", "maybe"), ("size", "9x9"), ("scale", "NaN"), ("prompt", "")]
    {
        assert_eq!(refused(&[cat, (name, text)]).0.as_deref(), Some(name));
    }
    assert_eq!(refused(&[]).0.as_deref(), Some("prompt"));
    assert!(refused(&[cat, ("word!", "two")]).1.contains("not a file"));
    assert!(refused(&[cat, ("file", "two")]).1.contains("a file"));
    assert!(refused(&[cat, ("word", &"x".repeat(300_000))]).1.contains("300000 bytes"));
    let latin =
        [&b"--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n"[..], b"\xe9\r\n--b--"].concat();
    let sent = request(Some("multipart/form-data; boundary=b"), latin.clone());
    assert!(Form::of(&sent, &latin, TABLE).unwrap_err().message.contains("UTF-8"));
}

#[test]
fn the_same_members_come_in_json() {
    let body = json!({"prompt": "a cat", "pictures": ["one", {"image_url": "two"}], "picture": {"image_url": "three"}});
    let sent = request(Some("application/json"), body.to_string());
    let mut form = Form::of(&sent, &[], TABLE).unwrap();
    assert_eq!(form.values.take_pictures("pictures"), ["one", "two"]);
    assert_eq!(form.values.take_pictures("picture"), ["three"]);
    let wrong = |name: &str, value: Value| {
        let mut body = json!({"prompt": "a cat"});
        body[name] = value;
        Form::of(&request(None, body.to_string()), &[], TABLE).unwrap_err().field
    };
    assert_eq!(wrong("picture", json!(["one"])).as_deref(), Some("picture"));
    assert_eq!(wrong("pictures", json!([{"file_id": "one"}])).as_deref(), Some("pictures"));
    assert_eq!(wrong("file", json!("one")).as_deref(), Some("file"));
}
