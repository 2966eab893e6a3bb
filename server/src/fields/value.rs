//! One value against what its field may be.

use serde_json::{Number, Value};

use super::{FieldType, LONGEST_SIDE, SHORTEST_SIDE};

/// The member of an object that holds a picture.
pub(super) const IMAGE_URL: &str = "image_url";

/// Most characters of a refused value that an answer repeats.
const SHOWN: usize = 60;

/// The value as a kind other than objects has it, if it can be one.
pub(super) fn fitting(kind: FieldType, value: &Value) -> Option<Value> {
    let fits = match (kind, value) {
        (FieldType::Flag | FieldType::WordOrFlag(_), Value::Bool(_)) => true,
        (FieldType::Integer { least, most, multiple_of }, Value::Number(number)) => {
            let whole = whole(number).filter(|n| (least..=most).contains(n) && n % multiple_of == 0);
            return whole.map(Value::from);
        }
        (FieldType::Number { least, most }, Value::Number(number)) => {
            number.as_f64().is_some_and(|number| (least..=most).contains(&number))
        }
        (FieldType::NumberOf(numbers), Value::Number(number)) => {
            number.as_f64().is_some_and(|number| numbers.contains(&number))
        }
        (FieldType::Text { least, most }, Value::String(text)) => {
            (least..=most).contains(&text.chars().count()) && is_clean(text)
        }
        (FieldType::Word(words) | FieldType::WordOrFlag(words), Value::String(word)) => {
            words.contains(&word.as_str())
        }
        (FieldType::Size, Value::String(text)) => text == "auto" || size(text).is_some(),
        (FieldType::Integers { count, least, most }, Value::Array(list)) if list.len() == count => {
            let one = FieldType::Integer { least, most, multiple_of: 1 };
            return list.iter().map(|item| fitting(one, item)).collect::<Option<Vec<_>>>().map(Value::Array);
        }
        (FieldType::Texts, Value::Array(list)) => list.iter().all(|item| item.is_null() || is_text(item)),
        _ => false,
    };
    fits.then(|| value.clone())
}

/// Whether this value, of a field that is not supported yet, switches nothing on. A list of nulls is an empty one.
pub(super) fn is_off(off: &[&str], value: &Value) -> bool {
    match value {
        Value::Array(items) if items.iter().all(Value::is_null) => is_one_of(off, &Value::Array(vec![])),
        value => is_one_of(off, value),
    }
}

/// Whether a value is one of these, which are JSON.
pub(super) fn is_one_of(listed: &[&str], value: &Value) -> bool {
    listed.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()).any(|one| same(&one, value))
}

/// Equal as JSON Schema has it: `1` is `1.0`.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// The two sides of `WIDTHxHEIGHT`, or of `WIDTH*HEIGHT`.
pub(super) fn size(text: &str) -> Option<(usize, usize)> {
    let (width, height) = text.split_once(['x', '*'])?;
    Some((side(width)?, side(height)?))
}

/// The size to ask for instead of one that is too large: its aspect, as large as it goes.
pub(super) fn nearest(kind: FieldType, value: &Value) -> Option<String> {
    let (width, height) =
        value.as_str().filter(|_| matches!(kind, FieldType::Size))?.split_once(['x', '*'])?;
    let [width, height]: [u32; 2] = [width.parse().ok()?, height.parse().ok()?];
    let longest = width.max(height);
    if longest as usize <= LONGEST_SIDE {
        return None;
    }
    let fitted = |side: u32| (side as usize * LONGEST_SIDE / longest as usize / 8 * 8).max(SHORTEST_SIDE);
    Some(format!("{}x{}", fitted(width), fitted(height)))
}

fn side(text: &str) -> Option<usize> {
    // `parse` alone would take `+64` and `064`.
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let side =
        text.parse().ok().filter(|side: &usize| plain && (SHORTEST_SIDE..=LONGEST_SIDE).contains(side))?;
    side.is_multiple_of(8).then_some(side)
}

/// The number, if it is whole and an `i64`: `4.0` is, `4.5` and `1e300` are not.
fn whole(number: &Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    // From 2^63 on, an f64 does not fit; that bound itself is exact.
    let number = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9_223_372_036_854_775_808.0)?;
    Some(number as i64)
}

/// Whether this is a picture, or a list of pictures where there may be several.
pub(super) fn are_pictures(several: bool, value: &Value) -> bool {
    match value {
        Value::Array(list) => several && list.iter().all(is_picture),
        one => is_picture(one),
    }
}

/// Text, or an object with a text that is the picture.
fn is_picture(value: &Value) -> bool {
    is_text(value.get(IMAGE_URL).unwrap_or(value))
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(is_clean)
}

/// Text may hold line breaks and whatever else Unicode has, but no NUL: neither C nor PNG's text chunks can carry it.
fn is_clean(text: &str) -> bool {
    !text.contains('\0')
}

/// What a value of this kind may be, to stand after "must be".
pub(super) fn allowed(kind: FieldType) -> String {
    match kind {
        FieldType::Flag => "true or false".into(),
        FieldType::Integer { least, most, multiple_of: 1 } => {
            format!("a whole number from {least} to {most}")
        }
        FieldType::Integer { least, most, multiple_of } => {
            format!("a whole number from {least} to {most} that is a multiple of {multiple_of}")
        }
        FieldType::Number { least, most } if least.is_finite() && most.is_finite() => {
            format!("a number from {least} to {most}")
        }
        FieldType::Number { .. } => "a number".into(),
        FieldType::NumberOf(numbers) => {
            let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
            format!("one of the numbers {}", numbers.join(", "))
        }
        FieldType::Text { least: 0, most } => format!("text of at most {most} characters without NUL"),
        FieldType::Text { least, most } => format!("text of {least} to {most} characters without NUL"),
        FieldType::Word(words) => format!("one of {}", words.join(", ")),
        FieldType::WordOrFlag(words) => format!("true, false or one of {}", words.join(", ")),
        FieldType::Size => {
            format!("WIDTHxHEIGHT, each a multiple of 8 from {SHORTEST_SIDE} to {LONGEST_SIDE}, or `auto`")
        }
        FieldType::Object(_) => "an object".into(),
        FieldType::Objects(_) => "a list of objects".into(),
        FieldType::Texts => "a list of texts without NUL".into(),
        FieldType::Integers { count, least, most } => {
            format!("a list of {count} whole numbers from {least} to {most}")
        }
        FieldType::Pictures { several } => {
            let list = if several { ", or a list of those" } else { "" };
            format!(
                "a picture in base64, a data URI or a link of this server, also as {{\"{IMAGE_URL}\": …}}{list}"
            )
        }
        FieldType::File => "a file of a `multipart/form-data` body".into(),
    }
}

/// What came, short enough for an answer and with nothing in it that a terminal would obey.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Array(_) => return "a list".into(),
        Value::Object(_) => return "an object".into(),
        Value::String(text) => format!("{:?}", text.chars().take(SHOWN + 1).collect::<String>()),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
