//! One route at one of its paths.

use serde_json::{Map, Value, json};

use super::errors::{EVERYWHERE, response_name};
use super::schemas::event;
use super::tag_of;
use crate::fields::{Field, FieldType};
use crate::http::{BYTES, Method};
use crate::route::{Access, Content, Parameter, Route};
use crate::warning::HEADER;

/// A name for the operation that programs can use: `post_v1_images_imagine`.
pub(super) fn id(route: &Route, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> =
        std::iter::once(route.method.name().to_ascii_lowercase()).chain(words.map(Into::into)).collect();
    words.join("_")
}

/// The operation of a route at one of its paths.
pub(super) fn operation(route: &Route, path: &str) -> Value {
    let first = route.paths[0];
    let mut operation = json!({
        "operationId": id(route, path),
        "summary": route.doc.summary,
        "tags": [tag_of(route.family)],
        "parameters": parameters(route, path),
        "responses": responses(route),
    });
    if path != first {
        operation["description"] = json!(format!("The same as {first}."));
    }
    if let Some(fields) = route.doc.fields {
        operation["requestBody"] = json!({"required": true, "content": body(fields, &id(route, first))});
    }
    operation["security"] = match route.access {
        Access::Open => json!([]),
        // The empty one: a server that has no keys asks for none.
        Access::Key | Access::Metrics => json!([{}, {"key": []}, {"bearer": []}]),
    };
    operation
}

/// A body by its type: a form where a file is needed, a form or JSON where a picture comes first, else JSON.
pub(super) fn body(fields: &[Field], name: &str) -> Value {
    let is_picture = |field: &Field| matches!(field.kind, FieldType::Pictures { .. });
    let is_file = |field: &Field| matches!(field.kind, FieldType::File);
    let (form, json) = (("multipart/form-data", "form"), ("application/json", "body"));
    let types = match fields.first().is_some_and(is_picture) {
        true => vec![form, json],
        false if fields.iter().any(is_file) => vec![form],
        false => vec![json],
    };
    let one = |(media_type, kind): (&str, &str)| {
        let schema = format!("#/components/schemas/{name}_{kind}");
        (media_type.to_owned(), json!({"schema": {"$ref": schema}}))
    };
    Value::Object(types.into_iter().map(one).collect())
}

fn parameters(route: &Route, path: &str) -> Value {
    let in_path = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
    });
    in_path.chain(route.doc.query.iter().map(parameter)).collect()
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter { name, range, required, about } = *parameter;
    let schema = match range {
        Some((least, most)) => json!({"type": "integer", "minimum": least, "maximum": most}),
        None => json!({"type": "string"}),
    };
    json!({"name": name, "in": "query", "required": required, "description": about, "schema": schema})
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for (status, content) in route.doc.answers {
        add_answer(&mut responses, *status, *content);
    }
    // Whatever is asked for in a body may have something in it that changes nothing.
    for response in responses.values_mut().filter(|_| route.doc.fields.is_some()) {
        response["headers"][HEADER] = json!({"$ref": "#/components/headers/Warning"});
    }
    let foreign = (route.method != Method::Get || route.access == Access::Key).then_some(403);
    let key: &[u16] = match route.access {
        Access::Key | Access::Metrics => &[401, 429],
        Access::Open => &[],
    };
    let errors = route.doc.errors.iter().chain(EVERYWHERE).chain(key).copied().chain(foreign);
    for status in errors {
        let name = response_name(route.family, status);
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    Value::Object(responses)
}

fn add_answer(responses: &mut Map<String, Value>, status: u16, content: Content) {
    let json_of = |name: &str| json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    match content {
        Content::Json(name) => add(responses, status, "application/json", json_of(name)),
        Content::JsonOrEvents(name) => {
            add(responses, status, "application/json", json_of(name));
            // A stream begins before it is known how it ends.
            add(responses, 200, "text/event-stream", json!({"schema": event(name)}));
        }
        Content::Picture => {
            for media_type in ["image/png", "image/jpeg", "image/webp", BYTES] {
                let schema = json!({"type": "string", "format": "binary", "contentMediaType": media_type});
                add(responses, status, media_type, json!({"schema": schema}));
            }
        }
        Content::Text(media_type) => {
            add(responses, status, media_type, json!({"schema": {"type": "string"}}));
        }
        Content::Nothing => drop(response(responses, status)),
    }
}

fn add(responses: &mut Map<String, Value>, status: u16, media_type: &str, content: Value) {
    response(responses, status)["content"][media_type] = content;
}

/// The response of a status, made where there is none yet.
fn response(responses: &mut Map<String, Value>, status: u16) -> &mut Value {
    responses.entry(status.to_string()).or_insert_with(|| {
        let headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
        json!({"description": crate::problem::reason(status), "headers": headers})
    })
}
