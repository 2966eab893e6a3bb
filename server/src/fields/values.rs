//! What a request says, once it is checked.

use serde_json::{Map, Value};

use super::value::{IMAGE_URL, is_one_of, same, shown, size};
use super::{Field, Looks, When};
use crate::warning::Warning;

/// The members of a checked body: every value is as its field says. `null` counts as absent, and what is absent
/// reads as its field's default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    pub(super) given: Map<String, Value>,
    pub(super) defaults: Map<String, Value>,
    /// What was sent and changes nothing.
    pub(super) inert: Vec<Warning>,
    /// Members that name a model.
    pub(super) models: Vec<&'static str>,
}

impl Values {
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

    /// Takes a member out, as it was sent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.given.remove(name)
    }

    /// Takes the pictures of a member out: they are large. Each is text.
    pub(crate) fn take_pictures(&mut self, name: &str) -> Vec<String> {
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Object(mut object) => object.remove(IMAGE_URL)?.as_str().map(str::to_owned),
            _ => None,
        };
        match self.given.remove(name) {
            Some(Value::Array(list)) => list.into_iter().filter_map(text).collect(),
            one => one.into_iter().filter_map(text).collect(),
        }
    }

    /// Whether the member was sent, and is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Whether the member was sent, and is another than its default: some clients write defaults down.
    pub(crate) fn is_unusual(&self, name: &str) -> bool {
        let is_default = |value| self.defaults.get(name).is_some_and(|default| same(default, value));
        self.given.get(name).is_some_and(|value| !is_default(value))
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

    /// What the members' values do together. What has no effect without another member has none without it here.
    pub(crate) fn looks(&self, fields: &[Field]) -> Looks {
        Looks::of(fields.iter().filter(|field| self.is_effective(field)).flat_map(|field| {
            let value = self.value(field.name).unwrap_or(&Value::Null);
            field.effects.iter().filter_map(|effect| match effect.when {
                When::Is(when) => is_one_of(&[when], value).then_some(effect.look),
                When::Times | When::Each => value.as_f64().map(|n| effect.look.times(n as f32)),
            })
        }))
    }

    /// Whether the member that it has no effect without is as it must be.
    pub(super) fn is_effective(&self, field: &Field) -> bool {
        field.only.is_none_or(|(other, is)| is_one_of(is, self.value(other).unwrap_or(&Value::Null)))
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
