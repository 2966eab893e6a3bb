//! A body against its table of fields.

use serde_json::{Map, Value};

use super::body::object;
use super::inert::inert;
use super::value::{allowed, are_pictures, fitting, is_off, nearest, shown};
use super::values::{Values, default};
use super::{Field, FieldType, Presence, Support, takes_pictures};
use crate::config::MOST_JSON;
use crate::http::Request;
use crate::problem::Problem;

impl Values {
    /// Reads and checks a request's body. Members that no field names are left out.
    ///
    /// # Errors
    /// 400 that names the first field that is wrong, 413 where the body is too large, 415 where it is said to be
    /// something other than JSON.
    pub(crate) fn of(request: &Request, fields: &[Field]) -> Result<Self, Problem> {
        // Pictures in base64 may be as large as the gate lets them be.
        let most = if takes_pictures(fields) { usize::MAX } else { MOST_JSON };
        let (body, _share) = object(request, most)?;
        Self::checked(body, fields)
    }

    /// Checks the members of a body.
    pub(crate) fn checked(mut body: Map<String, Value>, fields: &[Field]) -> Result<Self, Problem> {
        let mut unknown = vec![];
        let given = members(fields, &mut body, "", &mut unknown)?;
        let defaults = fields.iter().filter_map(|field| Some((field.name.to_owned(), default(field)?)));
        let of_models = fields.iter().filter(|field| matches!(field.support, Support::Model));
        let models = of_models.map(|field| field.name).collect();
        let checked = Self { given, defaults: defaults.collect(), inert: vec![], models };
        Ok(Self { inert: inert(fields, &checked, &unknown), ..checked })
    }
}

/// The members of an object that its fields name, checked in the order of the fields. The names of the others are added
/// to `unknown`, but for those that are null. `prefix` stands before names: `controlnets[0].`.
fn members(
    fields: &[Field],
    object: &mut Map<String, Value>,
    prefix: &str,
    unknown: &mut Vec<String>,
) -> Result<Map<String, Value>, Problem> {
    let mut kept = Map::new();
    for field in fields {
        if let Some(value) = member(field, object.remove(field.name), prefix, unknown)? {
            kept.insert(field.name.to_owned(), value);
        }
    }
    let sent = object.iter().filter(|(_, value)| !value.is_null());
    unknown.extend(sent.map(|(name, _)| format!("{prefix}{name}")));
    Ok(kept)
}

fn member(
    field: &Field,
    value: Option<Value>,
    prefix: &str,
    unknown: &mut Vec<String>,
) -> Result<Option<Value>, Problem> {
    let name = format!("{prefix}{}", field.name);
    let value = match value {
        None if field.presence == Presence::Required => {
            let message = format!("`{name}` is missing; it must be {}", allowed(field.kind));
            return Err(Problem { code: "missing_field", ..Problem::field(name, message) });
        }
        None => return Ok(None),
        Some(Value::Null) if field.presence == Presence::Optional => return Ok(None),
        Some(value) => checked(field.kind, &name, value, unknown)?,
    };
    match field.support {
        Support::Lacking(off) if !is_off(off, &value) => Err(lacking(name, off, &value)),
        _ => Ok(Some(value)),
    }
}

/// The field would need a feature that the engine has not got yet.
fn lacking(name: String, off: &[&str], value: &Value) -> Problem {
    let instead = match off {
        [] => String::new(),
        off => format!(", or send {}", off.join(" or ")),
    };
    let message = format!("`{name}`: {} is not supported yet; leave it out{instead}", shown(value));
    Problem { code: "not_supported", ..Problem::field(name, message) }
}

/// The value as its kind has it: `4.0` becomes `4`, members of nested objects that no field names are left out, and
/// their names added to `unknown`.
///
/// # Errors
/// 400 that names the field, what it may be, and what came.
pub(super) fn checked(
    kind: FieldType,
    name: &str,
    value: Value,
    unknown: &mut Vec<String>,
) -> Result<Value, Problem> {
    match (kind, value) {
        (FieldType::Objects(fields), Value::Array(list)) => objects(fields, name, list, unknown),
        // Whatever it holds, none of it is looked at.
        (FieldType::Object([]), Value::Object(_)) => Ok(Value::Object(Map::new())),
        (FieldType::Object(fields), Value::Object(mut object)) => {
            members(fields, &mut object, &format!("{name}."), unknown).map(Value::Object)
        }
        // They are large, and not copied.
        (FieldType::Pictures { several }, value) if are_pictures(several, &value) => Ok(value),
        (kind, value) => match fitting(kind, &value) {
            Some(value) => Ok(value),
            None => {
                let hint =
                    nearest(kind, &value).map(|size| format!("; {size} has its shape")).unwrap_or_default();
                let message = format!("`{name}` must be {}, not {}{hint}", allowed(kind), shown(&value));
                Err(Problem::field(name, message))
            }
        },
    }
}

fn objects(
    fields: &[Field],
    name: &str,
    list: Vec<Value>,
    unknown: &mut Vec<String>,
) -> Result<Value, Problem> {
    let objects = list.into_iter().enumerate().map(|(i, item)| match item {
        Value::Object(mut object) => {
            members(fields, &mut object, &format!("{name}[{i}]."), unknown).map(Value::Object)
        }
        other => {
            let item = format!("{name}[{i}]");
            let message = format!("`{item}` must be an object, not {}", shown(&other));
            Err(Problem::field(item, message))
        }
    });
    objects.collect::<Result<Vec<_>, _>>().map(Value::Array)
}
