//! What time it is. A system's clock can be beyond what dates can say (the year 9999 is their last): a server whose
//! clock was set wrong still answers, with the latest time that leaves room for what is added to it.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

/// Everything that is ever added to a time is shorter.
const MARGIN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Now, or the nearest time that can be calculated with.
pub(crate) fn now() -> Timestamp {
    nearest(SystemTime::now())
}

/// Now, as HTTP writes it.
pub(crate) fn http_date() -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&now()).unwrap_or_default()
}

fn nearest(time: SystemTime) -> Timestamp {
    let (first, last) = (Timestamp::UNIX_EPOCH, Timestamp::MAX - MARGIN);
    let beyond = if time < SystemTime::UNIX_EPOCH { first } else { last };
    Timestamp::try_from(time).unwrap_or(beyond).clamp(first, last)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn any_time_is_a_date_to_which_a_year_can_be_added() {
        let year = Duration::from_secs(366 * 24 * 3600);
        let epoch = SystemTime::UNIX_EPOCH;
        let today = epoch + 56 * year;
        assert_eq!(nearest(today), Timestamp::try_from(today).unwrap());
        for time in [epoch - year, epoch + 8020 * year, epoch + 8100 * year, epoch + 200_000 * year] {
            let date = nearest(time);
            let printed = (date + MARGIN).to_string();
            assert!(printed.starts_with("1971-") || printed.starts_with("9999-"), "{time:?}: {printed}");
        }
    }
}
