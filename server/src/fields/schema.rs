//! A table of fields as a JSON Schema, in the dialect of OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::value::IMAGE_URL;
use super::values::default;
use super::{Field, FieldType, Presence, Support};

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

/// The schema of the same members as fields of a form: pictures are files, and what is absent is not sent.
pub(crate) fn form_schema(fields: &[Field]) -> Value {
    let mut form = schema(fields);
    for field in fields {
        let file = json!({"type": "string", "format": "binary"});
        let mut schema = match field.kind {
            FieldType::Pictures { several: true } => json!({"type": "array", "items": file}),
            FieldType::Pictures { several: false } | FieldType::File => file,
            _ if matches!(field.support, Support::Lacking(_)) => continue,
            kind => value(kind),
        };
        schema["description"] = json!(description(field));
        form["properties"][field.name] = schema;
    }
    form
}

fn member(field: &Field) -> Value {
    let mut schema = match field.support {
        Support::Lacking(off) => nothing(field.kind, off),
        _ => value(field.kind),
    };
    if field.presence == Presence::Optional {
        schema = or_null(schema);
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

pub(super) fn description(field: &Field) -> String {
    let about = field.about;
    let only = field.only.map(|(other, is)| format!(" Only where `{other}` is {}.", is.join(" or ")));
    let effects = field.effects.iter().map(|effect| format!(" {}.", effect.about()));
    let about = format!("{about}{}{}", effects.collect::<String>(), only.unwrap_or_default());
    match field.support {
        Support::Used => about,
        Support::Hint(_) => format!("{about} Checked and accepted; it does not change the picture."),
        Support::Model => {
            format!("{about} Any other is accepted: then the first model draws, and a warning says so.")
        }
        Support::Lacking([]) => format!("{about} Not supported yet: leave it out."),
        Support::Lacking(off) => {
            format!("{about} Not supported yet: leave it out, or send {}.", off.join(" or "))
        }
    }
}

/// The schema of a value of this kind.
fn value(kind: FieldType) -> Value {
    let name = type_of(kind);
    match kind {
        FieldType::Flag => json!({"type": name}),
        FieldType::Integer { least, most, multiple_of } => {
            let mut schema = json!({"type": name, "minimum": least, "maximum": most});
            if multiple_of != 1 {
                schema["multipleOf"] = json!(multiple_of);
            }
            schema
        }
        FieldType::Number { least, most } => {
            let bounds = [("minimum", least), ("maximum", most)];
            let mut schema = json!({"type": name});
            for (word, bound) in bounds.into_iter().filter(|(_, bound)| bound.is_finite()) {
                schema[word] = json!(bound);
            }
            schema
        }
        // Programs that generate clients know lists of words, and no lists of numbers.
        FieldType::NumberOf(numbers) => {
            let each = numbers.iter().map(|number| json!({"type": name, "const": number}));
            json!({"anyOf": each.collect::<Vec<_>>()})
        }
        FieldType::Text { least, most } => {
            json!({"type": name, "minLength": least, "maxLength": most, "pattern": CLEAN})
        }
        FieldType::Word(words) => json!({"type": name, "enum": words}),
        FieldType::WordOrFlag(words) => {
            json!({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": words}]})
        }
        FieldType::Size => json!({"type": name, "pattern": format!("^(?:auto|{SIDE}[x*]{SIDE})$")}),
        FieldType::Object(fields) => schema(fields),
        FieldType::Objects(fields) => json!({"type": name, "items": schema(fields)}),
        FieldType::Texts => json!({"type": name, "items": {"type": ["string", "null"], "pattern": CLEAN}}),
        FieldType::Integers { count, least, most } => {
            let item = value(FieldType::Integer { least, most, multiple_of: 1 });
            json!({"type": name, "items": item, "minItems": count, "maxItems": count})
        }
        FieldType::Pictures { several } => {
            let text = json!({"type": "string", "pattern": CLEAN});
            let object = json!({"type": "object", "required": [IMAGE_URL], "properties": {IMAGE_URL: text}});
            let one = json!({"anyOf": [text, object]});
            if several { json!({"anyOf": [text, object, {"type": "array", "items": one}]}) } else { one }
        }
        FieldType::File => json!({"type": "null"}),
    }
}

/// The schema of those values of this kind that ask for nothing. Programs that generate clients know few words of JSON
/// Schema: values are limited by what they ignore (`not`), or by bounds.
fn nothing(kind: FieldType, off: &[&str]) -> Value {
    let off = off.iter().filter_map(|off| serde_json::from_str::<Value>(off).ok());
    let off: Vec<Value> = off.collect();
    let mut schema = value(kind);
    match kind {
        _ if off.is_empty() => return json!({"type": "null"}),
        FieldType::Flag => schema["not"] = json!({"const": true}),
        FieldType::Integer { .. } | FieldType::Number { .. } | FieldType::NumberOf(_) => {
            return json!({"type": type_of(kind), "minimum": off[0], "maximum": off[0]});
        }
        FieldType::Word(_) | FieldType::Size | FieldType::WordOrFlag(_) => {
            return json!({"type": "string", "enum": off});
        }
        FieldType::Text { .. } => schema = json!({"type": "string", "maxLength": 0}),
        FieldType::Object(_) | FieldType::Pictures { .. } | FieldType::File | FieldType::Integers { .. } => {
            return json!({"type": "null"});
        }
        FieldType::Objects(_) => schema["maxItems"] = json!(0),
        // A list of nulls names no text.
        FieldType::Texts => schema["items"] = json!({"type": "null"}),
    }
    schema
}

fn type_of(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Flag => "boolean",
        FieldType::Integer { .. } => "integer",
        FieldType::Number { .. } | FieldType::NumberOf(_) => "number",
        FieldType::Text { .. }
        | FieldType::Word(_)
        | FieldType::WordOrFlag(_)
        | FieldType::Size
        | FieldType::Pictures { .. } => "string",
        FieldType::File => "null",
        FieldType::Object(_) => "object",
        FieldType::Objects(_) | FieldType::Texts | FieldType::Integers { .. } => "array",
    }
}

/// What a schema allows, or null. Lists of values keep to one type: beside them null is an alternative.
fn or_null(mut schema: Value) -> Value {
    let absent = json!({"type": "null"});
    if let Some(all) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        all.push(absent);
        return schema;
    }
    if schema.get("enum").is_some() {
        return json!({"anyOf": [schema, absent]});
    }
    if schema != absent {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema
}
