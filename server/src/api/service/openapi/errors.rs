//! Everything that can go wrong, in the shape of each family.

use serde_json::{Map, Value, json};

use super::json_schema::exactly;
use crate::problem::{Family, reason};

/// What any route can answer, because it is answered before or around its handler: by the gate (400, 408, 413,
/// 414, 417, 431, 503, 505), by the router (404, 405, 421), or where a handler fails (500).
pub(super) const EVERYWHERE: &[u16] = &[400, 404, 405, 408, 413, 414, 417, 421, 431, 500, 503, 505];

/// What only some routes answer.
const SOMEWHERE: &[u16] = &[401, 403, 409, 410, 412, 415, 416, 429];

/// Statuses that the gate gives in OpenAI's shape where not even the first line came.
const SHAPELESS: &[u16] = &[400, 408, 414, 417, 431, 503, 505];

/// OpenAI's words for classes of errors.
const TYPES: &[&str] = &[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "rate_limit_error",
    "server_error",
];

/// Leonardo's codes.
const CODES: &[&str] = &["validation-failed", "access-denied", "not-found", "unexpected"];

const FAMILIES: [Family; 3] = [Family::Images, Family::OpenAi, Family::Leonardo];

fn schema_name(family: Family) -> &'static str {
    match family {
        Family::Images => "ImagesError",
        Family::OpenAi => "Error",
        Family::Leonardo => "LeonardoError",
    }
}

/// The component that describes a status of a family.
pub(super) fn response_name(family: Family, status: u16) -> String {
    format!("{}{status}", schema_name(family))
}

/// All components for errors.
pub(super) fn responses() -> Value {
    let mut responses = Map::new();
    for family in FAMILIES {
        for status in EVERYWHERE.iter().chain(SOMEWHERE) {
            responses.insert(response_name(family, *status), response(family, *status));
        }
    }
    Value::Object(responses)
}

fn response(family: Family, status: u16) -> Value {
    let reference = |family| json!({"$ref": format!("#/components/schemas/{}", schema_name(family))});
    let schema = match family {
        Family::OpenAi => reference(family),
        _ if SHAPELESS.contains(&status) => json!({"anyOf": [reference(family), reference(Family::OpenAi)]}),
        _ => reference(family),
    };
    let mut headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
    for (name, header, of) in [
        ("Retry-After", "RetryAfter", 503),
        ("Retry-After", "RetryAfter", 429),
        ("Allow", "Allow", 405),
        ("WWW-Authenticate", "Authenticate", 401),
    ] {
        if status == of {
            headers[name] = json!({"$ref": format!("#/components/headers/{header}")});
        }
    }
    json!({
        "description": format!("{}: {}", reason(status), meaning(status)),
        "headers": headers,
        "content": {"application/json": {"schema": schema}},
    })
}

/// When a status is answered.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "the request or one of its values is not valid; the message says what would be.",
        401 => "the key is missing or wrong.",
        403 => {
            "the signature of a link or of a form is wrong, the request comes from another site's page, or the key reads metrics only."
        }
        404 => "there is nothing here, or nothing of the caller's.",
        405 => "this path does not take this method.",
        408 => "the request did not arrive in time.",
        409 => "something else has come under this id already.",
        410 => "the link has expired.",
        412 => "the file is not the one that If-Match or If-Unmodified-Since names.",
        413 => "the body is too large.",
        414 => "the address is too long.",
        415 => "the body is not of a type that is taken here, not in UTF-8, or is compressed.",
        416 => "the file has no byte in that range.",
        417 => "an expectation other than 100-continue.",
        421 => "the Host header names another server.",
        429 => "too many requests of this key are waiting, or too many wrong keys came from this address.",
        431 => "the headers are too large.",
        503 => {
            "no place in the queue, no room or no memory for pictures, no connection left, or the server is stopping."
        }
        505 => "not HTTP/1.",
        _ => "the server failed; its log says why.",
    }
}

/// The schemas of the three shapes.
pub(super) fn schemas() -> Value {
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    let status = json!({"type": "integer", "minimum": 400, "maximum": 599});
    let list = json!({"type": "array", "items": text});
    let of_images = json!({"type": text, "error": text, "status": status, "message": text, "errors": list});
    let mut images = exactly(&of_images);
    // Only where a field is to blame.
    images["required"] = json!(["type", "error", "status", "message"]);
    let error = exactly(&json!({
        "message": text, "type": words(TYPES), "param": text_or_null, "code": text_or_null,
    }));
    let path = json!({"type": "string", "pattern": r"^\$"});
    json!({
        "ImagesError": images,
        "Error": exactly(&json!({"error": error})),
        "LeonardoError": exactly(&json!({"error": text, "path": path, "code": words(CODES)})),
    })
}

fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}
