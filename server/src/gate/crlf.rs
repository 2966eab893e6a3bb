//! Lines as HTTP/1.1 wants them (RFC 9112, §2.2), byte by byte. Programs that disagree about where a line ends
//! disagree about where a request ends, so nothing but CR LF ends one here, and nothing continues one.

/// What is wrong with a head, a chunk or a trailer: a sentence for people.
pub(super) type Malformed = &'static str;

/// Where in a sequence of lines we are.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    /// Bytes of the line so far, without its end.
    length: usize,
    /// The byte before was CR.
    ending: bool,
}

impl Lines {
    /// Takes one byte; the length of the line, where the byte ends one.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<usize>, Malformed> {
        match (byte, self.ending) {
            (b'\n', true) => {
                self.ending = false;
                return Ok(Some(std::mem::take(&mut self.length)));
            }
            (_, true) => return Err("a carriage return stands alone"),
            (b'\n', false) => return Err("a line ends without a carriage return"),
            (b'\r', false) => self.ending = true,
            (b' ' | b'\t', false) if self.length == 0 => return Err("a line begins with white space"),
            (b'\t' | b' '..=b'~', false) => self.length += 1,
            _ => return Err("a byte is not printable ASCII"),
        }
        Ok(None)
    }
}

/// Whether this is a name or a method (RFC 9110, §5.6.2).
pub(super) fn is_token(text: &[u8]) -> bool {
    let other = b"!#$%&'*+-.^_`|~";
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || other.contains(byte))
}
