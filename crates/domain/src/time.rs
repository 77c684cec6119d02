//! Instants: whole milliseconds since the Unix epoch inside, RFC 3339 in UTC with milliseconds outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an instant is RFC 3339 such as 2026-01-31T12:00:00.000Z, between 1970 and 9999")]
pub struct InvalidTimestamp;

/// The last millisecond that `jiff` writes: it leaves the last day of 9999 to the offsets, and
/// an instant beyond would fail when it is written.
const MAX_MILLIS: i64 = 253_402_207_200_000;

/// An instant in milliseconds since the Unix epoch, from 1970 to 9999-12-30T22:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant there is.
    pub const EPOCH: Self = Self(0);

    /// Takes milliseconds since the epoch; what lies outside the range becomes its nearest end.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, MAX_MILLIS))
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The minute it is in, since the epoch.
    pub fn minute(self) -> i64 {
        self.0 / 60_000
    }

    /// This instant and `millis` more, at most the end of the range.
    #[must_use]
    pub fn plus_ms(self, millis: u64) -> Self {
        Self::from_millis(
            self.0
                .saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)),
        )
    }

    /// This instant less `millis`, at least the epoch.
    #[must_use]
    pub fn minus_ms(self, millis: u64) -> Self {
        Self::from_millis(
            self.0
                .saturating_sub(i64::try_from(millis).unwrap_or(i64::MAX)),
        )
    }

    /// Milliseconds from `earlier` to this instant; 0 where `earlier` is not earlier.
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339 with any offset; parts below a millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        // Compared before the cut: a fraction before 1970 would be cut to the epoch itself.
        let since_1970 = instant >= jiff::Timestamp::UNIX_EPOCH;
        let millis = instant.as_millisecond();
        if since_1970 && millis <= MAX_MILLIS {
            Ok(Self(millis))
        } else {
            Err(InvalidTimestamp)
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(instant: Timestamp) -> String {
        instant.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_with_milliseconds_and_read_with_any_offset() {
        let instant = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(instant.to_string(), "2023-11-14T22:13:20.000Z");
        assert_eq!("2023-11-14T23:13:20+01:00".parse(), Ok(instant));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "now",
            "2023-11-14",
            "1969-12-31T23:59:59Z",
            "1969-12-31T23:59:59.9999Z",
            "9999-12-30T22:00:00.001Z",
            "2023-13-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text:?}");
        }
    }

    #[test]
    fn both_ends_of_the_range_survive_their_text() {
        for instant in [Timestamp::EPOCH, Timestamp::from_millis(i64::MAX)] {
            assert_eq!(instant.to_string().parse(), Ok(instant));
        }
    }

    #[test]
    fn no_difference_is_negative() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        assert_eq!((late.ms_since(early), early.ms_since(late)), (4, 0));
    }
}
