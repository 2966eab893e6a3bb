//! A field as a row of a table in Markdown.

use super::schema::description;
use super::value::allowed;
use super::{Field, FieldType, Presence};

/// `| name | what it may be | default | what it does |`
pub(crate) fn row(field: &Field) -> String {
    let Field { name, kind, presence, default, deprecated, .. } = *field;
    let kind = match kind {
        FieldType::Objects(fields) => {
            let members: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
            format!("a list of objects: {}", members.join(", "))
        }
        kind => allowed(kind),
    };
    let usual = match (presence, default) {
        (Presence::Required, _) => "required".to_owned(),
        (_, Some(default)) => format!("`{}`", default.trim_matches('"')),
        _ => String::new(),
    };
    let note = if deprecated { "Deprecated. " } else { "" };
    format!("| `{name}` | {} | {usual} | {note}{} |\n", cell(&kind), cell(&description(field)))
}

/// Text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
