//! The headers of a form and of its parts.

use super::malformed;
use crate::problem::Problem;

/// Characters of the name of a field.
const LONGEST_NAME: usize = 100;

/// Characters of a boundary.
const LONGEST_BOUNDARY: usize = 70;

/// What the headers of a part say.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) is_file: bool,
}

/// The boundary that a `Content-Type` names, if it can be one.
pub(super) fn boundary(media_type: &str) -> Option<String> {
    let (_, parameters) = media_type.split_once(';')?;
    let found = read_parameters(parameters)?.into_iter().filter(|(name, _)| name == "boundary");
    let [(_, boundary)] = <[_; 1]>::try_from(found.collect::<Vec<_>>()).ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=LONGEST_BOUNDARY).contains(&boundary.len()) && !boundary.ends_with(' ');
    (fits && boundary.bytes().all(allowed)).then_some(boundary)
}

/// What a part is, by its headers.
///
/// # Errors
/// 400, with a sentence that says what is wrong.
pub(super) fn read(head: &[u8]) -> Result<Header, Problem> {
    let head = std::str::from_utf8(head).map_err(|_| malformed("the headers of a part are not UTF-8"))?;
    let mut disposition = None;
    for line in head.split("\r\n") {
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(malformed("the headers of a part have control characters"));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| malformed("a line among the headers of a part is none"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if disposition.is_none() => disposition = Some(value),
            "content-disposition" => return Err(malformed("a part has two `Content-Disposition` headers")),
            "content-transfer-encoding" => plain(value.trim())?,
            _ => {}
        }
    }
    let disposition = disposition.ok_or_else(|| malformed("a part has no `Content-Disposition`"))?;
    of_disposition(disposition).ok_or_else(|| {
        malformed("a part's `Content-Disposition` is not `form-data; name=\"…\"`, with a name of at most 100 characters")
    })
}

/// Whether a part is sent as it is.
fn plain(encoding: &str) -> Result<(), Problem> {
    match encoding.to_ascii_lowercase().as_str() {
        "7bit" | "8bit" | "binary" => Ok(()),
        _ => Err(malformed("a part has a `Content-Transfer-Encoding`; send it as it is")),
    }
}

fn of_disposition(value: &str) -> Option<Header> {
    let (kind, parameters) = value.split_once(';')?;
    let parameters = read_parameters(parameters)?;
    let all =
        |name: &'static str| parameters.iter().filter(move |(key, _)| key == name).map(|(_, value)| value);
    let mut names = all("name");
    let name = names.next().filter(|name| (1..=LONGEST_NAME).contains(&name.chars().count()))?;
    let is_file = all("filename").chain(all("filename*")).next().is_some();
    let is_whole = kind.trim().eq_ignore_ascii_case("form-data") && names.next().is_none();
    is_whole.then(|| Header { name: name.clone(), is_file })
}

/// `name=value; name="value"`, names in lower case. `None`: it is not of that form.
fn read_parameters(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = vec![];
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Some(parameters);
        }
        let (name, rest) = text.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(rest) => quoted(rest)?,
            None => match rest.split_once(';') {
                Some((value, rest)) => (value.trim().to_owned(), rest),
                None => (rest.trim().to_owned(), ""),
            },
        };
        parameters.push((name, value));
        text = rest;
    }
}

/// What stands up to the closing quotation mark, and what follows behind the next semicolon.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    loop {
        match letters.next()? {
            (_, '\\') => match letters.next()?.1 {
                mark @ ('"' | '\\') => value.push(mark),
                // Some write the path of a file on Windows as it is.
                other => value.extend(['\\', other]),
            },
            (at, '"') => {
                let rest = text[at + 1..].trim_start();
                let rest = if rest.is_empty() { rest } else { rest.strip_prefix(';')? };
                return Some((value, rest));
            }
            (_, other) => value.push(other),
        }
    }
}
