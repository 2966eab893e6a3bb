//! What a caller should know of a request that is served all the same: told in the answer, in a header, in the log.

/// The header that says it, one for each warning.
pub(crate) const HEADER: &str = "X-Fulmen-Warning";

/// Most headers of one answer, and most characters of each: proxies limit both.
const MOST_HEADERS: usize = 8;
const LONGEST: usize = 400;

/// Something that a caller should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    /// A word for the log, which must not hold a prompt: `no_effect`.
    pub(crate) code: &'static str,
    /// The member that it is about.
    pub(crate) field: Option<String>,
    /// A sentence for the caller.
    pub(crate) message: String,
}

impl Warning {
    pub(crate) fn new(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self { code, field: Some(field.to_owned()), message: message.into() }
    }

    /// This member has no effect.
    pub(crate) fn no_effect(field: &str, message: impl Into<String>) -> Self {
        Self::new("no_effect", field, message)
    }

    /// Another model was requested than the one that draws.
    pub(crate) fn other_model(field: &str, asked: &str, loaded: &str) -> Self {
        let message = format!("`{field}`: {asked} is not loaded here; {loaded} draws");
        Self::new("other_model", field, message)
    }
}

/// The sentences, as answers hold them.
pub(crate) fn sentences(warnings: &[Warning]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.message.as_str()).collect()
}

/// The values of the headers: ASCII, without line breaks, not too long and not too many.
pub(crate) fn headers(warnings: &[Warning]) -> Vec<String> {
    let mut values: Vec<String> =
        warnings.iter().take(MOST_HEADERS).map(|warning| ascii(&warning.message)).collect();
    let more = warnings.len().saturating_sub(MOST_HEADERS);
    if more > 0 {
        values.push(format!("and {more} more"));
    }
    values
}

/// Text as a header can hold it: what is no printable ASCII is written otherwise, or as `?`.
fn ascii(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            ' '..='~' => plain.push(letter),
            '“' | '”' => plain.push('"'),
            '’' => plain.push('\''),
            '–' => plain.push('-'),
            '×' => plain.push('x'),
            '…' => plain.push_str("..."),
            letter if letter.is_whitespace() => plain.push(' '),
            _ => plain.push('?'),
        }
        if plain.len() > LONGEST {
            plain.truncate(LONGEST);
            plain.push_str("...");
            break;
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Warning {
        Warning::no_effect("member", message)
    }

    #[test]
    fn a_header_is_one_line_of_ascii_whatever_the_warning_quotes() {
        let hostile = "cut before “кот\r\nSet-Cookie: a=b\0\u{7f}\u{85}…”";
        let values = headers(&[of(hostile)]);
        assert_eq!(values, ["cut before \"???  Set-Cookie: a=b?? ...\""]);
        assert!(values[0].bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn headers_are_bounded_in_length_and_number() {
        let values = headers(&vec![of(&"é".repeat(100_000)); 30]);
        assert_eq!(values.len(), MOST_HEADERS + 1);
        assert!(values.iter().all(|value| value.len() <= LONGEST + 3), "{}", values[0].len());
        assert_eq!(values[MOST_HEADERS], "and 22 more");
        assert!(headers(&[]).is_empty());
    }
}
