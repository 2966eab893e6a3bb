//! The headers that let a page of another site read an answer. Keys are sent by hand, never by the browser, so that
//! no answer lets credentials through.

use crate::address::AllowedOrigin;

/// What a page may read beside the headers that any page may read.
const EXPOSED: &str = "Accept-Ranges, Content-Disposition, Content-Range, ETag, Retry-After, X-Fulmen-Warning, \
                       X-Request-Id, X-Should-Retry";

/// The headers for an answer to this value of `Origin`.
pub(crate) fn cors_headers(allowed: &[AllowedOrigin], origin: Option<&str>) -> Vec<(&'static str, String)> {
    if allowed.is_empty() {
        return vec![];
    }
    let exposed = ("Access-Control-Expose-Headers", EXPOSED.to_owned());
    if allowed.iter().any(AllowedOrigin::is_any) {
        return vec![("Access-Control-Allow-Origin", "*".to_owned()), exposed];
    }
    // An answer that is kept for one page must not be shown to another.
    let mut headers = vec![("Vary", "Origin".to_owned())];
    if let Some(origin) = origin.filter(|origin| allowed.iter().any(|one| one.allows(origin))) {
        headers.extend([("Access-Control-Allow-Origin", origin.to_owned()), exposed]);
    }
    headers
}

/// The headers for an answer to a request that was never read so far. It says nothing but that, so every page may read
/// it where it is not known which one asks.
pub(crate) fn cors_headers_unread(allowed: &[AllowedOrigin]) -> Vec<(&'static str, String)> {
    match allowed {
        [] => vec![],
        [one] if one.single().is_some() => cors_headers(allowed, one.single()),
        _ => vec![
            ("Access-Control-Allow-Origin", "*".to_owned()),
            ("Access-Control-Expose-Headers", EXPOSED.to_owned()),
        ],
    }
}
