//! A form (`multipart/form-data`) with the members of a JSON body: texts become the values that their fields have, and
//! files stay beside them.

use serde_json::{Map, Number, Value};

use super::charset::check_encoding;
use super::{Field, FieldType, Values};
use crate::http::Request;
use crate::multipart::{Part, is_form, parts};
use crate::problem::Problem;

/// Bytes of a text in a form, but for one that is a picture.
const LONGEST_TEXT: usize = 256 << 10;

/// The members of a body, whichever of both it is.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    pub(crate) values: Values,
    /// Pictures that were sent as files, each with the name of its member, in their order.
    pub(crate) files: Vec<(&'static str, &'a [u8])>,
}

impl<'a> Form<'a> {
    /// Reads and checks a request's body, a form or JSON. `body` are its bytes, of which the files are parts.
    ///
    /// # Errors
    /// As [`Values::of`]; 400 where a form is none.
    pub(crate) fn of(request: &Request, body: &'a [u8], fields: &'static [Field]) -> Result<Self, Problem> {
        match request.header("content-type").filter(|said| is_form(said)) {
            None => Ok(Self { values: Values::of(request, fields)?, files: vec![] }),
            Some(media_type) => {
                check_encoding(request).and_then(|()| Self::of_parts(parts(media_type, body)?, fields))
            }
        }
    }

    fn of_parts(parts: Vec<Part<'a>>, fields: &'static [Field]) -> Result<Self, Problem> {
        let (mut members, mut files) = (Map::new(), vec![]);
        for part in parts {
            // Lists have the same name again and again, in one of three spellings: `image`, `image[]`, `image[0]`.
            let name = part.name.split('[').next().unwrap_or_default();
            let field = fields.iter().find(|field| field.name == name);
            match (field, part.is_file) {
                (Some(Field { name, kind: FieldType::Pictures { .. } | FieldType::File, .. }), true) => {
                    files.push((*name, part.bytes));
                }
                (None, true) => drop(members.insert(part.name, "a file".into())),
                (Some(field), true) => {
                    let message = format!("`{name}` must be text, not a file");
                    return Err(Problem::field(field.name, message));
                }
                (field, false) => add(&mut members, field, &part)?,
            }
        }
        Ok(Self { values: Values::checked(members, fields)?, files })
    }
}

/// Adds a text to the members. The last of several counts, but for pictures, of which there may be a list.
fn add(members: &mut Map<String, Value>, field: Option<&Field>, part: &Part<'_>) -> Result<(), Problem> {
    let Part { name, bytes, .. } = part;
    let is_picture = field.is_some_and(|field| matches!(field.kind, FieldType::Pictures { .. }));
    if bytes.len() > LONGEST_TEXT && !is_picture {
        let message =
            format!("`{name}` has {} bytes; text of at most {LONGEST_TEXT} is read in a form", bytes.len());
        return Err(Problem::field(name, message));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| Problem::field(name, format!("`{name}` must be UTF-8")))?;
    let Some(field) = field else {
        members.insert(name.clone(), text.into());
        return Ok(());
    };
    match (field.kind, members.get_mut(field.name)) {
        (FieldType::Pictures { several: true }, Some(Value::Array(list))) => list.push(text.into()),
        (FieldType::Pictures { several: true }, _) => {
            members.insert(field.name.into(), Value::Array(vec![text.into()]));
        }
        (kind, _) => {
            members.insert(field.name.into(), value(kind, text));
        }
    }
    Ok(())
}

/// A text as the value that is meant; where it is none of this kind, the check says so. What is not text is absent if it
/// is empty: that is how forms write it.
fn value(kind: FieldType, text: &str) -> Value {
    let is_text = matches!(kind, FieldType::Text { .. } | FieldType::Pictures { .. });
    if !is_text && matches!(text, "" | "null") {
        return Value::Null;
    }
    let meant = match kind {
        FieldType::Flag | FieldType::WordOrFlag(_) => match text {
            "true" | "1" => Some(true.into()),
            "false" | "0" => Some(false.into()),
            _ => None,
        },
        FieldType::Integer { .. } | FieldType::Number { .. } | FieldType::NumberOf(_) => {
            text.trim().parse::<Number>().ok().map(Value::Number)
        }
        FieldType::Object(_) | FieldType::Objects(_) | FieldType::Texts | FieldType::Integers { .. } => {
            serde_json::from_str(text).ok()
        }
        _ => None,
    };
    meant.unwrap_or_else(|| text.into())
}
