//! Numbers of the command line, and what is said of those that are none.

/// A seed; `None` is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeedArg(pub(crate) Option<u64>);

/// A seed, or -1 for any, as many tools have it.
pub(super) fn seed(text: &str) -> Result<SeedArg, String> {
    match text.trim() {
        "-1" => Ok(SeedArg(None)),
        text => text.parse().map(|seed| SeedArg(Some(seed))).map_err(|_| {
            format!("a seed is a whole number from 0 to {}, or -1 for a new one every time", u64::MAX)
        }),
    }
}

/// How many of something.
pub(super) fn count(text: &str) -> Result<usize, String> {
    let about = |_| match text.trim_start_matches('-').parse::<f64>() {
        Ok(_) if text.starts_with('-') => "it cannot be less than 0".into(),
        Ok(number) if number.is_finite() && number.fract() != 0.0 => "it must be a whole number".into(),
        Ok(number) if number.is_finite() => format!("it must be a whole number below {}", usize::MAX),
        _ => "it is not a number".into(),
    };
    text.parse().map_err(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_any_seed_and_no_other_negative_number_is_one() {
        assert_eq!(seed("-1"), Ok(SeedArg(None)));
        assert_eq!(seed("0"), Ok(SeedArg(Some(0))));
        assert_eq!(seed("18446744073709551615"), Ok(SeedArg(Some(u64::MAX))));
        for wrong in ["-2", "18446744073709551616", "1.5", "1e3", "", "any", "-1.0", "−1"] {
            assert!(seed(wrong).unwrap_err().contains("or -1 for a new one"), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_count_is_said() {
        assert_eq!(count("12"), Ok(12));
        for (wrong, why) in [
            ("-3", "less than 0"),
            ("-0.5", "less than 0"),
            ("1.5", "a whole number"),
            ("99999999999999999999999", "a whole number below"),
            ("many", "not a number"),
            ("", "not a number"),
            ("NaN", "not a number"),
        ] {
            assert!(count(wrong).unwrap_err().contains(why), "{wrong}: {:?}", count(wrong));
        }
    }
}
