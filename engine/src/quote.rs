//! Text that others wrote, as it may stand in a message: nothing in it that steers a terminal, turns
//! the reading direction or cannot be seen, and never longer than a person reads.
//!
//! Names in model files, words of configurations, paths: all of them reach terminals, logs and JSON.
//! [`crate::Error`] passes through here when it is shown, so that no message can be forgotten.

use std::fmt::Write;

/// Names that a message lists.
const LISTED: usize = 6;

/// Characters of a whole message.
const MESSAGE: usize = 1200;
/// Characters of a name or a sentence that is quoted within one.
const QUOTED: usize = 200;

/// Invisible characters that Unicode's control class does not count in: bidirectional marks and
/// overrides, zero-width ones, separators of lines and paragraphs, fillers, tags.
const INVISIBLE: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_visible(c: char) -> bool {
    !c.is_control() && !INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// A message of one line.
pub(crate) fn message(text: &str) -> String {
    shortened(text, MESSAGE)
}

/// A name or a sentence from elsewhere, to stand within a message.
pub(crate) fn quoted(text: &str) -> String {
    shortened(text, QUOTED)
}

/// Names for a sentence, not too many of them.
pub(crate) fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{}`", quoted(name))).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Lines for a terminal, in full: only what cannot be seen is spelled out.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| if matches!(c, '\n' | '\t') { out.push(c) } else { spell(&mut out, c) });
    out
}

/// A line of JSON with all that cannot be seen written as `\uXXXX`: the same value, safe to show.
#[must_use]
pub fn json(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if is_visible(c) {
            out.push(c);
            continue;
        }
        // Outside of strings serialised JSON has no such character, so each stands in one.
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// At most about `most` characters. What is too much is left out of the middle: the end of a message
/// says what to do.
fn shortened(text: &str, most: usize) -> String {
    let mut out = String::new();
    // Most texts are short, and are walked through once.
    let Some((cut, _)) = text.char_indices().nth(most) else {
        text.chars().for_each(|c| spell(&mut out, c));
        return out;
    };
    let tail = most / 4;
    let kept = text[..cut].char_indices().nth(most - tail).map_or(cut, |(at, _)| at);
    let end = text.char_indices().rev().nth(tail - 1).map_or(text.len(), |(at, _)| at);
    text[..kept].chars().for_each(|c| spell(&mut out, c));
    out.push_str(" … ");
    text[end..].chars().for_each(|c| spell(&mut out, c));
    out
}

fn spell(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_visible(c) => out.push(c),
        c => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_cannot_be_seen_is_spelled_out() {
        for (text, shown) in [
            ("\u{1b}[2J\u{7}red", "\\u{1b}[2J\\u{7}red"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gnp.\u{202e}exe", "gnp.\\u{202e}exe"),
            ("a\u{200b}\u{feff}\u{2066}b\u{e0041}", "a\\u{200b}\\u{feff}\\u{2066}b\\u{e0041}"),
            ("größe 写真 ❤️ e\u{301}", "größe 写真 ❤️ e\u{301}"),
        ] {
            assert_eq!(message(text), shown);
            assert_eq!(quoted(text), shown);
        }
        assert_eq!(visible("a\nb\tc\u{1b}"), "a\nb\tc\\u{1b}");
    }

    #[test]
    fn a_message_of_megabytes_keeps_its_beginning_and_its_end() {
        let shown = message(&format!("beginning {} end", "é\u{1b}".repeat(5 << 20)));
        assert!(shown.starts_with("beginning é") && shown.ends_with(" end"), "{shown}");
        assert!(shown.len() < 8 * MESSAGE && shown.contains(" … "), "{} bytes", shown.len());
        assert_eq!(message(&"x".repeat(MESSAGE)), "x".repeat(MESSAGE));
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "a\u{202e}": "\u{1b}\u{9b}\u{e0041}\"\\" });
        let line = json(&value.to_string());
        assert!(line.chars().all(is_visible), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
