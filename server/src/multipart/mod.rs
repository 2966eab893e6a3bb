//! `multipart/form-data` (RFC 7578), of a body that is whole and in memory: the parts are slices of it.
//!
//! Strict, because everything that sends forms sends them in one way: lines end in CRLF, nothing stands before the first
//! part or behind the last, no part is encoded. Names of files are not kept, whatever they say.

mod header;
#[cfg(test)]
mod tests;

use self::header::{Header, boundary};
use crate::problem::Problem;

/// Parts of one form.
const MOST_PARTS: usize = 64;

/// Bytes of a part's headers.
const MOST_HEAD: usize = 4 << 10;

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The name of its field.
    pub(crate) name: String,
    /// Whether it is a file, not the text of a field.
    pub(crate) is_file: bool,
    pub(crate) bytes: &'a [u8],
}

/// Whether this is a form, by its `Content-Type`.
pub(crate) fn is_form(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("multipart/form-data")
}

/// The parts of a form, in their order.
///
/// # Errors
/// 400, with a sentence that says what is wrong.
pub(crate) fn parts<'a>(media_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, Problem> {
    let boundary = boundary(media_type).ok_or_else(|| {
        malformed("its `Content-Type` has no boundary of 1 to 70 characters; let the client library write that header")
    })?;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter has no line before it.
    let first = &delimiter[2..];
    let body = body.strip_prefix(b"\r\n").unwrap_or(body);
    let mut rest =
        body.strip_prefix(first).ok_or_else(|| malformed("it does not begin with its boundary"))?;
    let mut parts = vec![];
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return match end {
                b"" | b"\r\n" => Ok(parts),
                _ => Err(malformed("something stands behind its end")),
            };
        }
        rest = rest
            .strip_prefix(b"\r\n")
            .ok_or_else(|| malformed("a boundary is not followed by a line's end"))?;
        if parts.len() == MOST_PARTS {
            return Err(malformed(&format!("it has more than {MOST_PARTS} parts")));
        }
        let (head, content) = head(rest)?;
        let end = find(content, &delimiter)
            .ok_or_else(|| malformed("it is cut off: its last boundary is missing"))?;
        let Header { name, is_file } = header::read(head)?;
        parts.push(Part { name, is_file, bytes: &content[..end] });
        rest = &content[end + delimiter.len()..];
    }
}

/// A part's headers, and what follows them.
fn head(part: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let most = &part[..part.len().min(MOST_HEAD)];
    let end = find(most, b"\r\n\r\n")
        .ok_or_else(|| malformed(&format!("a part has no headers that end within {MOST_HEAD} bytes")))?;
    Ok((&part[..end], &part[end + 4..]))
}

/// Where this begins for the first time. What is looked for begins with the end of a line.
fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += text.get(from..)?.iter().position(|byte| *byte == b'\r')?;
        if text[from..].starts_with(what) {
            return Some(from);
        }
        from += 1;
    }
}

fn malformed(what: &str) -> Problem {
    Problem::new(400, "invalid_form", format!("the form cannot be read: {what}"))
}
