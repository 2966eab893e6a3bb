//! What a proxy in front says of a request: under which name, by which protocol and below which path it was called.
//! The gate takes these headers away from everybody but the proxies that the operator trusts, so that what is still
//! there is theirs.

use crate::http::Request;

/// The value of such a header. Proxies that do not replace it add theirs behind what the client sent, so the last
/// value of the last header is the trusted one's.
pub(super) fn forwarded<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let (_, value) = request.headers.iter().rfind(|(key, _)| key == name)?;
    value.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// Whether the client spoke TLS to the proxy.
pub(super) fn is_secure(request: &Request) -> bool {
    forwarded(request, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Whether this can stand behind a host in a link: empty, or segments that begin with `/`, none of them `.` or `..`,
/// of characters that need no escape.
pub(super) fn is_path(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@%/".contains(&byte);
    let Some(segments) = text.strip_prefix('/') else { return text.is_empty() };
    let last = segments.split('/').count() - 1;
    let whole = |(at, segment): (usize, &str)| {
        // One slash may stand at the end.
        !matches!(segment, "." | "..") && (!segment.is_empty() || at == last)
    };
    segments.bytes().all(allowed) && segments.split('/').enumerate().all(whole)
}
