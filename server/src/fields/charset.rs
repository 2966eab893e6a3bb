//! Whether the bytes of a body are what they should be: JSON in UTF-8, neither compressed nor in another alphabet. What
//! they are instead is said, since a parser would only stumble over the first byte.

use super::value::shown;
use crate::http::Request;
use crate::problem::Problem;

/// Whether a body can be read as it is.
///
/// # Errors
/// 415 where it is compressed or said to be in another alphabet, 400 where its bytes are, with a sentence that says what
/// it is.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    check_encoding(request)?;
    let body = request.body.bytes();
    let body = body.as_ref();
    match body {
        [0x1f, 0x8b, ..] => return Err(compressed("with gzip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(compressed("with zstd")),
        _ => {}
    }
    let charset = request.header("content-type").and_then(charset);
    if let Some(name) = charset.filter(|name| !is_utf8(name) && !body.is_ascii()) {
        let message = format!("the body is declared to be in {}; send JSON in UTF-8", shown(&name.into()));
        return Err(Problem::new(415, "unsupported_media_type", message));
    }
    let wrong = |what: &str| Problem::new(400, "invalid_json", format!("the body {what}"));
    if let Some(what) = alphabet(body) {
        return Err(wrong(what));
    }
    match std::str::from_utf8(body) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = error.valid_up_to();
            let byte = body.get(at).copied().unwrap_or_default();
            Err(wrong(&format!("is not UTF-8 (byte {at} is 0x{byte:02x}); send JSON in UTF-8")))
        }
    }
}

/// Whether a body is sent as it is, by what is said of it.
///
/// # Errors
/// 415 where it is compressed.
pub(super) fn check_encoding(request: &Request) -> Result<(), Problem> {
    let encodings = request.headers.iter().filter(|(name, _)| name == "content-encoding");
    let mut encodings = encodings.flat_map(|(_, list)| list.split(',')).map(str::trim);
    let plain = |name: &str| name.is_empty() || name.eq_ignore_ascii_case("identity");
    if let Some(name) = encodings.find(|name| !plain(name)) {
        let name = shown(&name.into());
        return Err(compressed(&format!("(Content-Encoding: {name})")));
    }
    Ok(())
}

fn compressed(how: &str) -> Problem {
    let message = format!("the body is compressed {how}; send the JSON itself");
    Problem::new(415, "unsupported_media_type", message)
}

/// What the first bytes of a body say of its alphabet, where that is not plain UTF-8, and what to do.
fn alphabet(body: &[u8]) -> Option<&'static str> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Some("begins with a byte order mark (EF BB BF); send JSON in UTF-8 without one");
    }
    // JSON's first two characters are ASCII, so that the zeros between them tell which form of Unicode it is.
    let zeros: Vec<bool> = body.iter().take(4).map(|&byte| byte == 0).collect();
    let utf32 = body.starts_with(b"\xff\xfe\0\0")
        || body.starts_with(b"\0\0\xfe\xff")
        || matches!(zeros[..], [false, true, true, true] | [true, true, true, false]);
    if utf32 {
        return Some("is in UTF-32; send JSON in UTF-8");
    }
    let utf16 = body.starts_with(b"\xff\xfe")
        || body.starts_with(b"\xfe\xff")
        || matches!(zeros[..], [false, true, ..] | [true, false, ..]);
    utf16.then_some("is in UTF-16; send JSON in UTF-8")
}

/// The parameter of a media type: `utf-16` of `application/json; charset="utf-16"`.
fn charset(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

fn is_utf8(name: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
}
