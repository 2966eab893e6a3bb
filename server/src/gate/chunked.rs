//! Chunked bodies (RFC 9112, §7.1), decoded as they come in. The same decoder reads clients and tiny_http.

use super::crlf::{Lines, Malformed, is_token};

/// Digits of a chunk's size; a body's limit is far below.
const MOST_DIGITS: usize = 15;
/// Bytes of all chunk extensions of a body, which nobody needs; they are passed over.
const MOST_EXTENSIONS: usize = 4 << 10;
/// Bytes of all trailers, which are passed over too.
const MOST_TRAILERS: usize = 8 << 10;

/// Decodes one body.
#[derive(Debug)]
pub(super) struct Chunked {
    at: At,
    lines: Lines,
    /// The line so far, in all states but `Data`.
    line: Vec<u8>,
    extensions: usize,
    trailers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    /// Inside a chunk of which so many bytes are still to come.
    Data(u64),
    /// The empty line behind a chunk.
    End,
    Trailers,
    Done,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { at: At::Size, lines: Lines::default(), line: vec![], extensions: 0, trailers: 0 }
    }

    /// Whether the body is whole.
    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Bytes of the body that the current chunk still announces.
    pub(super) fn announced(&self) -> u64 {
        if let At::Data(left) = self.at { left } else { 0 }
    }

    /// Appends what `input` holds of the body to `body`; how many bytes of `input` were of this body.
    pub(super) fn decode(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut used = 0;
        while used < input.len() && !self.is_done() {
            if let At::Data(left) = self.at {
                let rest = &input[used..];
                let take = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                body.extend_from_slice(&rest[..take]);
                used += take;
                let left = left - take as u64;
                self.at = if left == 0 { At::End } else { At::Data(left) };
                continue;
            }
            let byte = input[used];
            used += 1;
            if self.lines.push(byte)?.is_some() {
                let line = std::mem::take(&mut self.line);
                self.at = self.next(&line)?;
            } else if byte != b'\r' {
                self.keep(byte)?;
            }
        }
        Ok(used)
    }

    /// One byte more of a line.
    fn keep(&mut self, byte: u8) -> Result<(), Malformed> {
        self.line.push(byte);
        match self.at {
            At::Size if self.line.contains(&b';') => {
                self.extensions += 1;
                if self.extensions > MOST_EXTENSIONS {
                    return Err("the chunk extensions are too long");
                }
            }
            At::Size if !byte.is_ascii_hexdigit() => return Err("a chunk's size is not a number"),
            At::Size if self.line.len() > MOST_DIGITS => return Err("a chunk's size is too long"),
            At::End => return Err("a chunk is longer than its size"),
            At::Trailers => {
                self.trailers += 1;
                if self.trailers > MOST_TRAILERS {
                    return Err("the trailers are too long");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What follows a whole line.
    fn next(&self, line: &[u8]) -> Result<At, Malformed> {
        match self.at {
            At::Size => {
                let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                // `from_str_radix` takes a sign, but `keep` took digits only.
                let size = u64::from_str_radix(digits, 16).map_err(|_| "a chunk has no size")?;
                Ok(if size == 0 { At::Trailers } else { At::Data(size) })
            }
            At::End => Ok(At::Size),
            At::Trailers if line.is_empty() => Ok(At::Done),
            At::Trailers => {
                let colon = line.iter().position(|&byte| byte == b':');
                let name = colon.map_or(&line[..0], |colon| &line[..colon]);
                if is_token(name) { Ok(At::Trailers) } else { Err("a trailer is malformed") }
            }
            At::Data(_) | At::Done => Err("there is a line where none can be"),
        }
    }
}
