//! A body against its table of fields.

use serde_json::{Map, Value};

use super::body::object;
use super::inert::inert;
use super::value::{allowed, checked, is_off, shown, size};
use super::{Field, Presence, Support};
use crate::http::Request;
use crate::problem::Problem;
use crate::warning::Warning;

/// The members of a checked body: every value is as its field says. `null` counts as absent, and what is absent
/// reads as its field's default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    given: Map<String, Value>,
    defaults: Map<String, Value>,
    /// What was sent and changes nothing.
    inert: Vec<Warning>,
    /// Members that name a model.
    models: Vec<&'static str>,
}

impl Values {
    /// Reads and checks a request's body. Members that no field names are left out.
    ///
    /// # Errors
    /// 400 that names the first field that is wrong, 413 where the body is too large, 415 where it is said to be
    /// something other than JSON.
    pub(crate) fn of(request: &Request, fields: &[Field]) -> Result<Self, Problem> {
        let (body, _share) = object(request)?;
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

    /// What was sent and changes nothing, each in a sentence. `loaded` are the names of the model that draws; the
    /// first is the one that sentences call it by.
    pub(crate) fn warnings(&self, loaded: &[&str]) -> Vec<Warning> {
        let other = self.models.iter().filter_map(|name| {
            let asked = self.given.get(*name).filter(|value| self.defaults.get(*name) != Some(value))?;
            // A gateway's prefix, `openai/`, is none of the name.
            let is_loaded = |asked: &str| {
                loaded.contains(&asked)
                    || asked.rsplit_once('/').is_some_and(|(_, name)| loaded.contains(&name))
            };
            let known = asked.as_str().is_none_or(|asked| asked.is_empty() || is_loaded(asked));
            (!known).then(|| Warning::other_model(name, &shown(asked), loaded[0]))
        });
        other.chain(self.inert.iter().cloned()).collect()
    }

    /// Whether the member was sent, and is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Whether the member was sent, and is another than its default: some clients write defaults down.
    pub(crate) fn is_unusual(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(|value| self.defaults.get(name) != Some(value))
    }

    /// The member as it was sent, or its default.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.given.get(name).or_else(|| self.defaults.get(name))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str)
    }

    /// A whole number; a negative one, which few fields allow, is `None`.
    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(Value::as_u64)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.value(name).and_then(Value::as_f64)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.value(name).and_then(Value::as_bool)
    }

    /// `WIDTHxHEIGHT`; `auto` is `None`.
    pub(crate) fn size(&self, name: &str) -> Option<(usize, usize)> {
        size(self.text(name)?)
    }
}

/// What an absent member means.
pub(super) fn default(field: &Field) -> Option<Value> {
    Some(serde_json::from_str(field.default?).expect("tests read every default as JSON"))
}

/// The members of an object that its fields name, checked in the order of the fields. The names of the others are added
/// to `unknown`, but for those that are null. `prefix` stands before names: `controlnets[0].`.
pub(super) fn members(
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
