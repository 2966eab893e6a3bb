//! A part of a file (RFC 9110, §14): one range of bytes. Several at once are answered with the whole file, as anybody
//! may.

/// What is asked for of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// From the first byte, up to and without the last.
    Bytes(std::ops::Range<usize>),
    /// No byte of it is there.
    Nothing,
}

/// The part of a file of this length that the value of `Range` names. What is not understood is passed over.
pub(super) fn part(value: Option<&str>, length: usize) -> Part {
    let set = value.and_then(|value| value.split_once('=')).filter(|(unit, _)| unit.trim() == "bytes");
    let Some((first, last)) = set.and_then(|(_, set)| set.split_once('-')) else { return Part::Whole };
    let (first, last) = (first.trim(), last.trim());
    let found = match (number(first), number(last)) {
        // The last so many.
        (None, Some(count)) if first.is_empty() => Some((length.saturating_sub(count), length, count > 0)),
        (Some(first), None) if last.is_empty() => Some((first, length, true)),
        (Some(first), Some(last)) if first <= last => Some((first, last.saturating_add(1).min(length), true)),
        _ => None,
    };
    match found {
        None => Part::Whole,
        Some((first, end, true)) if first < end => Part::Bytes(first..end),
        Some(_) => Part::Nothing,
    }
}

/// Digits; more than a number holds are only a large number.
fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_everything_else_is_the_whole() {
        for (value, expected) in [
            ("bytes=0-0", Part::Bytes(0..1)),
            ("bytes=0-", Part::Bytes(0..10)),
            ("bytes=3-5", Part::Bytes(3..6)),
            ("bytes=3-99", Part::Bytes(3..10)),
            ("bytes=9-9", Part::Bytes(9..10)),
            ("bytes=-4", Part::Bytes(6..10)),
            ("bytes=-99", Part::Bytes(0..10)),
            ("bytes = 3 - 5 ", Part::Bytes(3..6)),
            ("bytes=0-99999999999999999999999", Part::Bytes(0..10)),
            ("bytes=10-", Part::Nothing),
            ("bytes=10-12", Part::Nothing),
            ("bytes=99999999999999999999999-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=5-3", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=1--2", Part::Whole),
            ("items=0-1", Part::Whole),
            ("0-1", Part::Whole),
        ] {
            assert_eq!(part(Some(value), 10), expected, "{value}");
        }
        assert_eq!(part(None, 10), Part::Whole);
        assert_eq!(part(Some("bytes=0-"), 0), Part::Nothing);
    }
}
