//! Pieces of JSON Schema.

use serde_json::{Map, Value, json};

/// A schema of an object whose members are all there, and no others.
pub(crate) fn exactly(members: &Value) -> Value {
    let names: Vec<_> = members.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"type": "object", "required": names, "properties": members, "additionalProperties": false})
}

/// The same, and perhaps with warnings.
pub(crate) fn exactly_warned(members: &Value) -> Value {
    let mut schema = exactly(members);
    schema["properties"]["warnings"] = reference("Warnings");
    schema
}

/// A schema by its name.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A list of these.
pub(super) fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}
