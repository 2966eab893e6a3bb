//! `/openapi.json`: the routes table as OpenAPI 3.1. What it does not name, the server does not answer.

mod errors;
mod json_schema;
mod operation;
mod schemas;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use self::operation::{id, operation};
use crate::api::all;
use crate::api::leonardo;
use crate::app::App;
use crate::fields::{form_schema, schema};
use crate::http::Answer;
use crate::problem::{Family, Problem};
use crate::route::{Call, Route};

/// `GET /openapi.json`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn openapi(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(document);
    let asked = |name| call.request.header(name).is_some();
    if app.config.public_url.is_none() && !asked("x-forwarded-host") && !asked("x-forwarded-prefix") {
        return Ok(Answer::json(200, document));
    }
    // Behind a proxy the root of the address need not be ours.
    let mut document = document.clone();
    document["servers"] = json!([{"url": call.base}]);
    Ok(Answer::json(200, &document))
}

/// The whole description; it does not change while the server runs.
fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fulmen",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Three documented image APIs over one engine and one queue.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags(),
        "paths": paths(),
        "components": {
            "schemas": schemas(),
            "responses": used(errors::responses()),
            "headers": headers(),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    })
}

fn tags() -> Value {
    let tag =
        |family: Family, description: String| json!({"name": tag_of(family), "description": description});
    json!([
        tag(
            Family::Images,
            "Images that have a name, stay until they are deleted, and can be published.".into()
        ),
        tag(Family::OpenAi, "Images as OpenAI's clients request them; and the server's own routes.".into()),
        tag(Family::Leonardo, leonardo::notes()),
    ])
}

fn tag_of(family: Family) -> &'static str {
    match family {
        Family::Images => "images",
        Family::OpenAi => "generations",
        Family::Leonardo => "leonardo",
    }
}

/// The routes that answer something. One that only refuses, in its family's shape, is not there for clients.
fn described() -> impl Iterator<Item = &'static Route> {
    all().filter(|route| !route.doc.answers.is_empty())
}

fn paths() -> Value {
    let mut paths = Map::new();
    for route in described() {
        for path in route.paths {
            let item = paths.entry(*path).or_insert_with(|| json!({}));
            item[route.method.name().to_ascii_lowercase()] = operation(route, path);
        }
    }
    Value::Object(paths)
}

/// The shapes of answers, and of every body that is asked for.
fn schemas() -> Value {
    let mut schemas = schemas::answers();
    for route in described() {
        let Some(fields) = route.doc.fields else { continue };
        let name = id(route, route.paths[0]);
        for kind in operation::body(fields, &name).as_object().into_iter().flat_map(Map::keys) {
            match kind.as_str() {
                "application/json" => schemas[format!("{name}_body")] = schema(fields),
                _ => schemas[format!("{name}_form")] = form_schema(fields),
            }
        }
    }
    schemas
}

/// Those responses that some route answers.
fn used(mut responses: Value) -> Value {
    let paths = paths().to_string();
    if let Some(all) = responses.as_object_mut() {
        all.retain(|name, _| paths.contains(&format!("\"#/components/responses/{name}\"")));
    }
    responses
}

fn headers() -> Value {
    json!({
        "RequestId": {"description": "Stands in the server's log, too.", "schema": {"type": "string"}},
        "RetryAfter": {
            "description": "Seconds after which it is worth asking again.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "Warning": {
            "description": "What the caller should know, in ASCII; one for each such thing.",
            "schema": {"type": "string"},
        },
        "Allow": {"description": "The methods that this path takes.", "schema": {"type": "string"}},
        "Authenticate": {"description": "How to send a key.", "schema": {"type": "string"}},
    })
}
