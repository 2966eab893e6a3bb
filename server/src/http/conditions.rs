//! What a client knows already, and under which conditions it wants an answer (RFC 9110, §13).

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Method, Request, date};

/// What the bytes are known by: the same tag, the same bytes.
pub(crate) fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// What a request's conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Send,
    /// The client has it.
    NotModified,
    /// The client wants another one than this.
    Failed,
}

/// Whether `If-None-Match` names this tag. Compared weakly, as a GET must: what a proxy made of our tag matches it.
pub(crate) fn is_known(request: &Request, tag: &str) -> bool {
    request.header("if-none-match").is_some_and(|list| names(list, tag, true))
}

/// In the order of RFC 9110, §13.2.2.
pub(super) fn judge(request: &Request, tag: &str, modified: Timestamp) -> Verdict {
    let since = |name| request.header(name).and_then(date::parse);
    let failed = match request.header("if-match") {
        Some(list) => !names(list, tag, false),
        None => since("if-unmodified-since").is_some_and(|date| modified > date),
    };
    if failed {
        return Verdict::Failed;
    }
    let known = match request.header("if-none-match") {
        Some(_) => is_known(request, tag),
        None => since("if-modified-since").is_some_and(|date| modified <= date),
    };
    let reads = matches!(request.method, Method::Get | Method::Head);
    if known && reads { Verdict::NotModified } else { Verdict::Send }
}

/// Whether a part is wanted only of what the client has the rest of, and this is that.
pub(super) fn has_the_rest(request: &Request, tag: &str, modified: Timestamp) -> bool {
    match request.header("if-range").map(str::trim) {
        None => true,
        Some(said) if said.starts_with('"') => said == tag,
        Some(said) => date::parse(said) == Some(modified),
    }
}

/// Whether a list of tags, or `*`, holds this one.
fn names(list: &str, tag: &str, weakly: bool) -> bool {
    let mut tags = list.split(',').map(str::trim);
    tags.any(|one| one == "*" || one == tag || (weakly && one.strip_prefix("W/") == Some(tag)))
}
