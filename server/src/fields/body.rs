//! The bytes of a body, as the object that they must be.

use serde_json::{Map, Value};

use super::charset;
use super::value::shown;
use crate::budget::Share;
use crate::http::Request;
use crate::problem::Problem;

/// Values in one body; the largest that means something has a few hundred.
const MOST_VALUES: usize = 20_000;

/// Bytes that a value takes at most, beside its text: an object with one member, which is the next. Each is a node of a
/// tree with room for eleven members, and a key; 659 bytes were measured.
const VALUE: usize = 704;

/// The object in a request's body, and what it takes of the memory for bodies. Where a member stands there twice, the
/// last one counts. It has at most so many bytes.
///
/// # Errors
/// 415, 413 or 400, with a sentence that says what to send; 503 where there is no memory for it.
pub(super) fn object(request: &Request, most: usize) -> Result<(Map<String, Value>, Share), Problem> {
    if let Some(said) =
        request.header("content-type").filter(|said| !said.trim().is_empty() && !is_json(said))
    {
        let said = shown(&Value::from(said));
        let message =
            format!("the body is declared as {said}; send JSON with `Content-Type: application/json`");
        return Err(Problem::new(415, "unsupported_media_type", message));
    }
    charset::check(request)?;
    let body = request.body.bytes();
    let length = body.len();
    if length > most {
        let message = format!("the body has {length} bytes; JSON of at most {most} bytes is read");
        return Err(Problem::new(413, "body_too_large", message));
    }
    if length == 0 {
        return Err(Problem::new(400, "invalid_json", "the body is empty; send a JSON object"));
    }
    let values = separators(&body);
    if values > MOST_VALUES {
        let message =
            format!("the body has more than {MOST_VALUES} values; send fewer members and shorter lists");
        return Err(Problem::new(400, "invalid_json", message));
    }
    let share = request.memory.for_parsing(length + values * VALUE)?;
    // The parser refuses more than 128 levels of nesting.
    let value = serde_json::from_slice(&body).map_err(|e| {
        Problem::new(400, "invalid_json", format!("the body is not JSON: {e}; send a JSON object"))
    })?;
    match value {
        Value::Object(members) => Ok((members, share)),
        other => {
            let message = format!("the body is {}; send a JSON object", shown(&other));
            Err(Problem::new(400, "invalid_json", message))
        }
    }
}

/// How many commas and brackets stand outside of texts: there are no more values than that and one. A value takes many
/// times the memory of its byte, so that they are counted before any is made.
fn separators(body: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (0, false, false);
    for &byte in body {
        match (in_text, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, _, b'"') => in_text = !in_text,
            (false, _, b',' | b'[' | b'{') => count += 1,
            _ => {}
        }
    }
    count
}

/// `application/json`, or a type that is built on it: `application/problem+json`. Parameters change nothing.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.split_once('/').map(|(_, subtype)| subtype);
    essence == "application/json" || subtype.is_some_and(|subtype| subtype.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{VALUE, separators};

    #[test]
    fn a_value_has_room_for_a_node_of_a_tree_and_a_key() {
        let node = 11 * (size_of::<String>() + size_of::<Value>()) + 2 * size_of::<usize>();
        assert!(VALUE >= node + 32, "{node}");
    }

    #[test]
    fn what_stands_in_texts_is_no_separator() {
        assert_eq!(separators(br#"{"a": [1, 2], "b,[{": "c\",{", "d": "\\"}"#), 5);
        assert_eq!(separators("[".repeat(100).as_bytes()), 100);
        assert_eq!(separators(b""), 0);
    }
}
