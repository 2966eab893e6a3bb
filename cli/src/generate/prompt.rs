//! Where the prompt comes from: an argument, or standard input.

use std::ffi::OsString;
use std::io::Read;

use fulmen_engine::request::LONGEST_PROMPT;

use crate::failure::Failure;

/// What a request takes, and a newline. More is a file piped in by mistake.
const MOST_BYTES: u64 = LONGEST_PROMPT as u64 + 2;

/// The prompt that `argument` stands for.
pub(super) fn read(argument: OsString) -> Result<String, Failure> {
    if argument == "-" {
        return from(std::io::stdin().lock());
    }
    argument
        .into_string()
        .map_err(|_| Failure::Usage("the prompt is not UTF-8 text; check the shell's locale".into()))
}

fn from(input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = input.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::Run(format!("cannot read the prompt from standard input: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::Usage(format!(
            "standard input has more than {LONGEST_PROMPT} bytes; is that a prompt?"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage("the prompt on standard input is not UTF-8 text".into()))?;
    // The newline that ends a line is no part of it.
    Ok(text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newline_at_the_end_of_standard_input_is_no_part_of_the_prompt() {
        for input in ["a fox", "a fox\n", "a fox\r\n"] {
            assert_eq!(from(input.as_bytes()).unwrap(), "a fox");
        }
    }

    #[test]
    fn endless_standard_input_is_refused() {
        let refused = from(std::io::repeat(b'a')).unwrap_err();
        assert!(refused.to_string().contains("is that a prompt"), "{refused}");
    }

    #[test]
    fn standard_input_that_is_no_text_is_refused() {
        let refused = from(&b"caf\xe9"[..]).unwrap_err();
        assert!(refused.to_string().contains("not UTF-8"), "{refused}");
    }
}
