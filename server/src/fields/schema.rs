//! A table of fields as a JSON Schema, in the dialect of OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::check::default;
use super::{Field, Kind, Presence, Support};

/// Multiples of 8 from 64 to 2048: the hundreds decide which pairs of digits may follow.
const SIDE: &str = concat!(
    "(?:64|72|80|88|96",
    "|(?:[2468]|1[02468])(?:[048][08]|[159]6|[26]4|[37]2)",
    "|(?:[13579]|1[13579])(?:[048]4|[159]2|[26][08]|[37]6)",
    "|20(?:[04][08]|16|24|32))"
);

/// What text must look like: anything but NUL, line breaks included.
const CLEAN: &str = r"^[^\x00]*$";

/// The schema of an object with these members.
pub(crate) fn schema(fields: &[Field]) -> Value {
    let members: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), member(field))).collect();
    let required = fields.iter().filter(|field| field.presence == Presence::Required);
    let required: Vec<_> = required.map(|field| field.name).collect();
    let mut schema = json!({"type": "object", "properties": members});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn member(field: &Field) -> Value {
    let mut schema = match field.support {
        Support::Lacking(off) => {
            values(field.kind, off.iter().filter_map(|off| serde_json::from_str(off).ok()))
        }
        _ => value(field.kind),
    };
    if field.may_be_null() {
        allow_null(&mut schema);
    }
    schema["description"] = json!(description(field));
    if let Some(default) = default(field) {
        schema["default"] = default;
    }
    if field.deprecated {
        schema["deprecated"] = json!(true);
    }
    schema
}

fn description(field: &Field) -> String {
    let about = field.about;
    match field.support {
        Support::Used => about.to_owned(),
        Support::Hint => format!("{about} Checked and accepted; it does not change the picture."),
        Support::Lacking([]) => format!("{about} Not supported yet: leave it out."),
        Support::Lacking(off) => {
            format!("{about} Not supported yet: leave it out, or send {}.", off.join(" or "))
        }
    }
}

/// The schema of a value of this kind.
fn value(kind: Kind) -> Value {
    let name = type_of(kind);
    match kind {
        Kind::Flag => json!({"type": name}),
        Kind::Integer { least, most, multiple_of } => {
            let mut schema = json!({"type": name, "minimum": least, "maximum": most});
            if multiple_of != 1 {
                schema["multipleOf"] = json!(multiple_of);
            }
            schema
        }
        Kind::Number { least, most } => {
            let bounds = [("minimum", least), ("maximum", most)];
            let mut schema = json!({"type": name});
            for (word, bound) in bounds.into_iter().filter(|(_, bound)| bound.is_finite()) {
                schema[word] = json!(bound);
            }
            schema
        }
        Kind::NumberOf(numbers) => json!({"type": name, "enum": numbers}),
        Kind::Text { least, most } => {
            json!({"type": name, "minLength": least, "maxLength": most, "pattern": CLEAN})
        }
        Kind::Word(words) => json!({"type": name, "enum": words}),
        Kind::Size => json!({"type": name, "pattern": format!("^(?:auto|{SIDE}x{SIDE})$")}),
        Kind::Objects(fields) => json!({"type": name, "items": schema(fields)}),
        Kind::Texts => json!({"type": name, "items": {"type": ["string", "null"], "pattern": CLEAN}}),
        Kind::TextOrTexts => {
            json!({"type": name, "pattern": CLEAN, "items": {"type": "string", "pattern": CLEAN}})
        }
    }
}

/// The schema of a value of this kind that is one of these.
fn values(kind: Kind, values: impl Iterator<Item = Value>) -> Value {
    json!({"type": type_of(kind), "enum": values.collect::<Vec<_>>()})
}

fn type_of(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!("boolean"),
        Kind::Integer { .. } => json!("integer"),
        Kind::Number { .. } | Kind::NumberOf(_) => json!("number"),
        Kind::Text { .. } | Kind::Word(_) | Kind::Size => json!("string"),
        Kind::Objects(_) | Kind::Texts => json!("array"),
        Kind::TextOrTexts => json!(["string", "array"]),
    }
}

/// `null` is one of the types, and one of the values where those are listed.
fn allow_null(schema: &mut Value) {
    let types = match schema["type"].take() {
        Value::Array(types) => types,
        one => vec![one],
    };
    schema["type"] = types.into_iter().chain([json!("null")]).collect();
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
}
