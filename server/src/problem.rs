//! Why a request failed. Every family renders it in its own documented shape.

use serde_json::{Value, json};

/// What is wrong, in all that any family says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    /// A word for programs: `invalid_value`, `queue_full`.
    pub(crate) code: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
    /// The field that is to blame.
    pub(crate) field: Option<String>,
    /// Seconds after which it is worth asking again.
    pub(crate) retry_after: Option<u64>,
}

/// Whose shape of error an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/v1/images…`: `{type, error, status, message, errors?}`.
    Images,
    /// `…/images/generations`, and everything that belongs to no family: `{error: {message, type, param, code}}`.
    OpenAi,
    /// `…/generations`: `{error, path, code}`.
    Leonardo,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, retry_after: None }
    }

    /// 400: `field` has a value that it cannot have.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(400, "invalid_value", message) }
    }

    /// 404.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(404, "not_found", what)
    }

    /// 429, with the time after which it is worth asking again.
    pub(crate) fn too_many(code: &'static str, message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(429, code, message) }
    }

    /// 503, with the time after which it is worth asking again.
    pub(crate) fn busy(code: &'static str, message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(503, code, message) }
    }

    /// 500: what went wrong stands in the log, not in the answer.
    pub(crate) fn internal() -> Self {
        Self::new(500, "internal_error", "the server failed; its log says why")
    }
}

impl Family {
    /// The error object of this family.
    pub(crate) fn body(self, problem: &Problem) -> Value {
        let Problem { status, code, message, field, .. } = problem;
        match self {
            Self::Images => {
                let error = reason(*status);
                let mut body =
                    json!({"type": "about:blank", "error": error, "status": status, "message": message});
                if let Some(field) = field {
                    body["errors"] = json!([format!("{field}: {message}")]);
                }
                body
            }
            Self::OpenAi => {
                json!({"error": {"message": message, "type": kind(*status), "param": field, "code": code}})
            }
            Self::Leonardo => {
                let path = field.as_ref().map_or_else(|| "$".into(), |field| format!("$.{field}"));
                json!({"error": message, "path": path, "code": leonardo_code(*status)})
            }
        }
    }
}

fn leonardo_code(status: u16) -> &'static str {
    match status {
        400 => "validation-failed",
        401 | 403 => "access-denied",
        404 => "not-found",
        _ => "unexpected",
    }
}

/// OpenAI's word for a class of errors.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 | 410 => "not_found_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// HTTP's own words for a status.
pub(crate) fn reason(status: u16) -> &'static str {
    tiny_http::StatusCode(status).default_reason_phrase()
}
