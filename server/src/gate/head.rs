//! The head of a request: the line and the headers, read strictly. What two programs could understand differently
//! is refused, because a proxy in front of us may be the other one.

use super::crlf::{Lines, Malformed, is_token};
use super::target::Target;
use crate::problem::Problem;

/// Header lines of one request; the bytes of a head are limited anyway.
const MOST_HEADERS: usize = 100;
/// Bytes of a method.
const MOST_METHOD: usize = 16;
/// Bytes of a path with its query.
const MOST_TARGET: usize = 8 << 10;

/// A head that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    /// Path and query, or `*`.
    pub(super) target: String,
    /// HTTP/1.0: knows no chunks, and no 100.
    pub(super) old: bool,
    /// What is passed on: not what concerns this connection only, nor what the gate writes itself.
    pub(super) headers: Vec<(String, String)>,
    pub(super) length: Length,
    /// The client wants to ask again over this connection.
    pub(super) keep_alive: bool,
    /// The client waits for a word before it sends the body.
    pub(super) expects: bool,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// There is no body.
    None,
    Exactly(u64),
    Chunked,
}

/// 400: not HTTP as we read it.
pub(super) fn malformed(what: &str) -> Problem {
    Problem::new(400, "malformed_request", format!("malformed request: {what}"))
}

/// Finds the end of a head while its bytes come in.
#[derive(Debug, Default)]
pub(super) struct Scan {
    lines: Lines,
    /// Bytes looked at.
    at: usize,
    /// Where the request line begins: behind the one empty line that old clients send after a body.
    start: usize,
    /// Lines that ended.
    ended: usize,
}

impl Scan {
    /// The part of `bytes` that is the head, once it is all there.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<Option<std::ops::Range<usize>>, Malformed> {
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            match self.lines.push(byte)? {
                None => {}
                Some(0) if self.ended > 0 => return Ok(Some(self.start..self.at)),
                Some(0) if self.start > 0 => return Err("there is no request line"),
                Some(0) => self.start = self.at,
                Some(_) => self.ended += 1,
            }
        }
        Ok(None)
    }

    /// What to say of a head that goes on for too long.
    pub(super) fn too_large(&self) -> Problem {
        if self.ended == 0 {
            return Problem::new(
                414,
                "uri_too_long",
                format!("a target may have at most {MOST_TARGET} bytes"),
            );
        }
        Problem::new(431, "headers_too_large", "the request's headers are too large")
    }
}

/// Reads a whole head.
///
/// # Errors
/// 400, 414, 417, 431 or 505.
pub(super) fn parse(bytes: &[u8]) -> Result<Head, Problem> {
    let (method, target, old) = request_line(bytes)?;
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(end)) if end == bytes.len() => {}
        Ok(_) => return Err(malformed("the headers do not end where they should")),
        Err(httparse::Error::TooManyHeaders) => {
            let message = format!("a request may have at most {MOST_HEADERS} headers");
            return Err(Problem::new(431, "headers_too_large", message));
        }
        Err(error) => return Err(malformed(&error.to_string())),
    }
    let headers = Headers(request.headers);
    headers.check_host(old, target.authority.as_deref())?;
    let options = headers.list("connection");
    let named = |word: &str| options.iter().any(|option| option == word);
    Ok(Head {
        length: headers.length(old)?,
        expects: headers.expects(old)?,
        keep_alive: !named("close") && (!old || named("keep-alive")),
        headers: headers.passed_on(&options, target.authority),
        method: method.to_owned(),
        target: target.path,
        old,
    })
}

/// Method, target, and whether it is HTTP/1.0.
fn request_line(bytes: &[u8]) -> Result<(&str, Target, bool), Problem> {
    let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| malformed("the request line is not ASCII"))?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed("the request line must be METHOD /PATH HTTP/1.1"));
    };
    let old = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ if is_version(version) => {
            return Err(Problem::new(
                505,
                "version_not_supported",
                "this server speaks HTTP/1.1 and HTTP/1.0",
            ));
        }
        _ => return Err(malformed("the request line must end in HTTP/1.1")),
    };
    if !is_token(method.as_bytes()) || method.len() > MOST_METHOD {
        return Err(malformed("the method is malformed"));
    }
    if target.len() > MOST_TARGET {
        return Err(Problem::new(
            414,
            "uri_too_long",
            format!("a target may have at most {MOST_TARGET} bytes"),
        ));
    }
    let target = Target::of(method, target)
        .ok_or_else(|| malformed("the target must be a path that begins with /, or an address"))?;
    Ok((method, target, old))
}

/// Whether this says a version of HTTP, any: `HTTP/2.0`.
fn is_version(word: &str) -> bool {
    word.strip_prefix("HTTP/").is_some_and(|number| {
        matches!(number.as_bytes(), [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
    })
}

/// Headers that concern one connection only (RFC 9110, §7.6.1), that the gate has acted on, or that it writes
/// itself: a client cannot send them to a handler.
const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    crate::http::LOCAL_ADDRESS,
    crate::http::REQUEST_ID,
    crate::http::TOKEN,
];

struct Headers<'a>(&'a [httparse::Header<'a>]);

impl Headers<'_> {
    /// All values of a name; the name is given in lower case.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// The words of a list, in lower case.
    fn list(&self, name: &str) -> Vec<String> {
        let words = self.values(name).flat_map(|value| value.split(|&byte| byte == b','));
        words.map(|word| String::from_utf8_lossy(word.trim_ascii()).to_ascii_lowercase()).collect()
    }

    /// One name and no other: a proxy in front of us may believe the header or the address.
    fn check_host(&self, old: bool, authority: Option<&str>) -> Result<(), Problem> {
        let mut hosts = self.values("host");
        let same = |host: &[u8]| {
            authority.is_none_or(|authority| host.trim_ascii().eq_ignore_ascii_case(authority.as_bytes()))
        };
        match self.values("host").count() {
            1 if hosts.all(same) => Ok(()),
            1 => Err(malformed("the Host header names another host than the target")),
            0 if old => Ok(()),
            0 => Err(malformed("there is no Host header")),
            _ => Err(malformed("there is more than one Host header")),
        }
    }

    /// RFC 9112, §6.3, without its leniencies.
    fn length(&self, old: bool) -> Result<Length, Problem> {
        let (mut lengths, mut encodings) = (self.values("content-length"), self.values("transfer-encoding"));
        match (lengths.next(), encodings.next()) {
            (None, None) => Ok(Length::None),
            (Some(_), Some(_)) => Err(malformed("Content-Length and Transfer-Encoding are both there")),
            (Some(_), None) if lengths.next().is_some() => {
                Err(malformed("there is more than one Content-Length"))
            }
            (Some(length), None) => decimal(length).map(Length::Exactly),
            (None, Some(_)) if old => Err(malformed("HTTP/1.0 has no Transfer-Encoding")),
            (None, Some(_)) if encodings.next().is_some() => {
                Err(malformed("there is more than one Transfer-Encoding"))
            }
            (None, Some(encoding)) if encoding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
            (None, Some(_)) => Err(malformed("the only Transfer-Encoding spoken here is chunked")),
        }
    }

    /// Whether the client waits for 100 Continue.
    fn expects(&self, old: bool) -> Result<bool, Problem> {
        let mut values = self.values("expect");
        match values.next() {
            None => Ok(false),
            Some(_) if old => Ok(false),
            Some(value) if value.eq_ignore_ascii_case(b"100-continue") && values.next().is_none() => Ok(true),
            Some(_) => Err(Problem::new(
                417,
                "expectation_failed",
                "the only expectation that can be met is 100-continue",
            )),
        }
    }

    /// Everything but `OURS` and what `Connection` names. `Host` stays, whatever `Connection` says: it is checked.
    /// A host that only the target names becomes that header.
    fn passed_on(&self, options: &[String], authority: Option<String>) -> Vec<(String, String)> {
        let mut passed = Vec::with_capacity(self.0.len());
        let unsaid = authority.filter(|_| self.values("host").next().is_none());
        passed.extend(unsaid.map(|host| ("host".to_owned(), host)));
        for header in self.0 {
            let name = header.name.to_ascii_lowercase();
            if OURS.contains(&name.as_str()) || (name != "host" && options.contains(&name)) {
                continue;
            }
            passed.push((name, String::from_utf8_lossy(header.value).into_owned()));
        }
        passed
    }
}

/// Digits and nothing else. A number beyond u64 is only too large, not malformed.
fn decimal(value: &[u8]) -> Result<u64, Problem> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(malformed("Content-Length is not a number"));
    }
    Ok(value.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}
