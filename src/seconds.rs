//! Numbers of seconds that somebody types: how often something is done.

use std::{ops::RangeInclusive, time::Duration};

/// Parses a number of seconds, such as 0.5.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const ALLOWED: RangeInclusive<f64> = 0.1..=3600.0;
    let seconds = text.parse().ok().filter(|seconds| ALLOWED.contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "not a number of seconds from 0.1 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(parse("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "x", "nan", "inf", "1e9", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
