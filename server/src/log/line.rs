//! Lines of the log: none is longer than a kibibyte, and those of programs stay whole JSON.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::LogFormat;
use crate::clock;

/// Bytes of a line with its end.
pub(super) const LONGEST: usize = 1 << 10;
/// What stands where something was cut.
const CUT: &str = "…";

/// A line as it is written: cut where it is too long.
pub(super) fn cut(line: &[u8], format: LogFormat) -> Cow<'_, [u8]> {
    if line.len() <= LONGEST {
        return Cow::Borrowed(line);
    }
    let cut = match format {
        LogFormat::Text => cut_text(&String::from_utf8_lossy(line), LONGEST - 1),
        LogFormat::Json => cut_json(line),
    };
    Cow::Owned((cut + "\n").into_bytes())
}

/// The beginning of a text, of so many bytes at most.
fn cut_text(text: &str, most: usize) -> String {
    let text = text.trim_end();
    if text.len() <= most {
        return text.to_owned();
    }
    let fits = |&(at, one): &(usize, char)| at + one.len_utf8() + CUT.len() <= most;
    let kept: String = text.char_indices().take_while(fits).map(|(_, one)| one).collect();
    kept + CUT
}

/// The same members, the longest texts among them cut until all fits.
fn cut_json(line: &[u8]) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(line) else { return "{}".into() };
    loop {
        let whole = Value::Object(members.clone()).to_string();
        let beyond = (whole.len() + 1).saturating_sub(LONGEST);
        if beyond == 0 {
            return whole;
        }
        let texts = members.values_mut().filter_map(|value| match value {
            Value::String(text) if text.len() > CUT.len() => Some(text),
            _ => None,
        });
        match texts.max_by_key(|text| text.len()) {
            // What is escaped becomes shorter by more than that.
            Some(text) => *text = cut_text(text, text.len().saturating_sub(beyond).max(CUT.len())),
            None => members = Map::from_iter([("message".to_owned(), json!("a line that was too long"))]),
        }
    }
}

/// A line about the log itself.
pub(super) fn of_ours(format: LogFormat, message: &str, left_out: u64) -> Vec<u8> {
    let now = format!("{:.6}", clock::now());
    let line = match format {
        LogFormat::Text => format!("{now}  WARN fulmen::log: {message} left_out={left_out}"),
        LogFormat::Json => {
            let target = "fulmen::log";
            json!({"timestamp": now, "level": "WARN", "message": message, "left_out": left_out, "target": target})
                .to_string()
        }
    };
    (line + "\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_text_is_cut_between_two_characters() {
        let long = format!("INFO {}\n", "ß".repeat(2000));
        let cut = String::from_utf8(cut(long.as_bytes(), LogFormat::Text).into_owned()).unwrap();
        assert!(cut.len() <= LONGEST && cut.len() > LONGEST - 8, "{}", cut.len());
        assert!(cut.starts_with("INFO ß") && cut.ends_with("ß…\n"), "{cut}");
        assert_eq!(super::cut(b"short\n", LogFormat::Text), &b"short\n"[..]);
    }

    #[test]
    fn a_line_of_json_stays_whole_and_keeps_what_is_short() {
        for long in ["x".repeat(5000), "\"\\\u{1}\n".repeat(900), "é".repeat(3000)] {
            let line =
                json!({"level": "INFO", "path": long, "message": long, "status": 200}).to_string() + "\n";
            let cut = cut(line.as_bytes(), LogFormat::Json).into_owned();
            assert!(cut.len() <= LONGEST && cut.ends_with(b"}\n"), "{} bytes", cut.len());
            let read: Value = serde_json::from_slice(&cut).unwrap();
            assert_eq!((&read["level"], &read["status"]), (&json!("INFO"), &json!(200)));
            assert!(read["path"].as_str().unwrap().ends_with(CUT), "{read}");
        }
    }

    #[test]
    fn what_cannot_be_cut_is_still_json() {
        let many: Map<String, Value> = (0..500).map(|n| (format!("member{n}"), json!(n))).collect();
        let line = Value::Object(many).to_string();
        let cut = cut(line.as_bytes(), LogFormat::Json).into_owned();
        assert!(cut.len() <= LONGEST && serde_json::from_slice::<Value>(&cut).is_ok());
    }

    #[test]
    fn what_the_log_says_of_itself_looks_like_the_rest() {
        let text = String::from_utf8(of_ours(LogFormat::Text, "lines are missing", 7)).unwrap();
        assert!(text.ends_with("Z  WARN fulmen::log: lines are missing left_out=7\n"), "{text}");
        let read: Value = serde_json::from_slice(&of_ours(LogFormat::Json, "lines are missing", 7)).unwrap();
        assert_eq!((&read["level"], &read["left_out"]), (&json!("WARN"), &json!(7)));
    }
}
