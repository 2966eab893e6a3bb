//! What a route is: its method and path, who may use it, and its handler.

use std::sync::Arc;

use crate::app::App;
use crate::fields::Field;
use crate::http::{Answer, Method, Request};
use crate::problem::{Family, Problem};

/// What answers a request.
pub(crate) type Handler = fn(&Arc<App>, &Call) -> Result<Answer, Problem>;

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The first is the documented one, the others are aliases. `{name}` stands for one segment.
    pub(crate) paths: &'static [&'static str],
    /// Whose shape its errors have.
    pub(crate) family: Family,
    pub(crate) access: Access,
    pub(crate) handler: Handler,
    pub(crate) doc: Doc,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone.
    Open,
    /// Whoever has a key, where there are keys.
    Key,
    /// The same, or whoever has the key that only reads metrics.
    Metrics,
}

/// How `openapi.json` describes a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doc {
    pub(crate) summary: &'static str,
    /// The members of its JSON body.
    pub(crate) fields: Option<&'static [Field]>,
    /// Parameters of its query.
    pub(crate) query: &'static [Parameter],
    /// What it answers when all is well.
    pub(crate) answers: &'static [(u16, Content)],
    /// Statuses of its own errors, beside those that every route has.
    pub(crate) errors: &'static [u16],
}

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// The least and the greatest whole number; `None` is text.
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// JSON of a schema of this name.
    Json(&'static str),
    /// JSON of this schema, or server-sent events where the request asked for them.
    JsonOrEvents(&'static str),
    /// A picture file.
    Picture,
    /// Text of this media type.
    Text(&'static str),
    Nothing,
}

/// What a picture's file is answered with: the whole, a part, or that the client has it.
pub(crate) const PICTURE: &[(u16, Content)] =
    &[(200, Content::Picture), (206, Content::Picture), (304, Content::Nothing)];

/// A request on its way to a handler.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) request: Request,
    /// What stood for each `{…}` of the path, decoded, in order.
    pub(crate) params: Vec<String>,
    /// The name of the caller's key; `local` where there are no keys.
    pub(crate) owner: String,
    /// What links begin with: `http://127.0.0.1:8188`.
    pub(crate) base: String,
}
