//! A body against its table of fields.

use serde_json::{Map, Value};

use super::Field;
use crate::http::Request;
use crate::problem::Problem;

/// The largest JSON body that is read, in bytes. A parsed body takes up to 16 times as much memory.
const MOST_JSON: usize = 2 << 20;

/// The members of a checked body: every value is as its field says. `null` counts as absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Map<String, Value>);

impl Values {
    /// Reads and checks a request's body. Members that no field names are left out.
    ///
    /// # Errors
    /// 400 that names the first field that is wrong, 413 where the body is too large, 415 where it is said to be
    /// something other than JSON.
    pub(crate) fn of(request: &Request, fields: &[Field]) -> Result<Self, Problem> {
        let _ = (request, fields, MOST_JSON);
        todo!()
    }

    /// Whether the member is there, and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// `WIDTHxHEIGHT`; `auto` is `None`.
    pub(crate) fn size(&self, name: &str) -> Option<(usize, usize)> {
        let (width, height) = self.text(name)?.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    }
}
