//! Dates as HTTP writes them (RFC 9110, §5.6.7).

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// In the one form that is written: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn format(time: Timestamp) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

/// In any of the three forms that must be read; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // The day of the week says nothing that the date does not.
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    if let Ok(date) = parser.parse_timestamp(text) {
        return Some(date);
    }
    let old = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let date = old.iter().find_map(|form| DateTime::strptime(form, text).ok())?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Without what HTTP's dates cannot say.
pub(super) fn to_the_second(time: Timestamp) -> Timestamp {
    time - SignedDuration::from_nanos(i64::from(time.subsec_nanosecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_date_are_one_date() {
        let date = Timestamp::from_second(784_111_777).unwrap();
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse(text), Some(date), "{text}");
        }
        assert_eq!(format(date), "Sun, 06 Nov 1994 08:49:37 GMT");
        for text in ["", "yesterday", "784111777", "1994-11-06", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
