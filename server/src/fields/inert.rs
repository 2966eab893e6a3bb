//! Members that were sent and change nothing: each is reported in a sentence, so that no caller waits for an effect.

use super::value::{is_one_of, shown};
use super::values::{Values, default};
use super::{Field, Support};
use crate::warning::Warning;

/// Most names of unknown members that a sentence lists, and most characters of each.
const MOST_NAMES: usize = 8;
const LONGEST_NAME: usize = 40;

/// Everything that was sent and changes nothing. `unknown` are the members that no field names.
pub(super) fn inert(fields: &[Field], values: &Values, unknown: &[String]) -> Vec<Warning> {
    let known = fields.iter().filter_map(|field| of_field(field, values));
    known.chain(of_unknown(unknown)).collect()
}

fn of_field(field: &Field, values: &Values) -> Option<Warning> {
    let name = field.name;
    let value = values.value(name).filter(|_| values.has(name))?;
    if default(field).as_ref() == Some(value) {
        return None;
    }
    let message = match (field.support, field.only) {
        (Support::Hint(quiet), _) if !is_one_of(quiet, value) => {
            format!("`{name}`: {} has no effect here", shown(value))
        }
        (_, Some((other, is))) if !values.is_effective(field) => {
            format!("`{name}` has no effect unless `{other}` is {}", is.join(" or "))
        }
        _ => return None,
    };
    Some(Warning::no_effect(name, message))
}

/// One sentence about all of them: a client may send many.
fn of_unknown(names: &[String]) -> Option<Warning> {
    let first = names.first()?;
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{}`", short(name))).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let are = if names.len() == 1 { "is not known here and was" } else { "are not known here and were" };
    let message = format!("{}{more} {are} ignored; GET /openapi.json lists what is known", shown.join(", "));
    Some(Warning::new("unknown_member", &short(first), message))
}

/// A name that is short, and with nothing in it that a terminal would obey.
fn short(name: &str) -> String {
    let plain: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
    let more = if name.chars().nth(LONGEST_NAME).is_some() { "…" } else { "" };
    format!("{plain}{more}")
}
