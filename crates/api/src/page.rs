//! Pages of lists, and the cursor that binds the next page to the filters of the first.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use taskpilot_domain::limits::{PAGE_DEFAULT, PAGE_MAX};
use utoipa::ToSchema;

use crate::field::FieldError;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, at most `limit`.
    pub items: Vec<T>,
    /// Opaque cursor of the next page, to be sent as `after`; null on the last page.
    pub next: Option<String>,
}

/// The limit of a page: the default where none is named.
pub fn page_limit(limit: Option<u32>) -> Result<u32, FieldError> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(FieldError::new(
            "limit",
            format_args!("from 1 to {PAGE_MAX}"),
        ))
    }
}

/// A place in a list; good only for the list and the filters it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The id of the last item of the page before.
    pub after: i64,
}

/// The same for a list in the order of names: the name of the last item of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameCursor<T> {
    /// That name.
    pub after: T,
}

impl<T: FromStr + Display> NameCursor<T> {
    /// Writes the cursor; `scope` names the list and its namespace.
    pub fn encode(&self, scope: &str) -> String {
        format!("{:016x}{}", hash(scope), self.after)
    }

    /// Reads a cursor that was written for the same `scope`.
    pub fn decode(text: &str, scope: &str) -> Result<Self, InvalidCursor> {
        let (bound, name) = text
            .split_at_checked(DIGITS / 2)
            .ok_or(InvalidCursor::Malformed)?;
        let after = name.parse().map_err(|_| InvalidCursor::Malformed)?;
        if half(bound)? != hash(scope) {
            return Err(InvalidCursor::OtherFilters);
        }
        Ok(Self { after })
    }
}

/// Why a cursor was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCursor {
    /// Not a cursor of ours.
    Malformed,
    /// Made for another list or other filters.
    OtherFilters,
}

impl Display for InvalidCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the cursor is not one that a list returned",
            Self::OtherFilters => "the cursor belongs to another list or other filters",
        })
    }
}

impl std::error::Error for InvalidCursor {}

const DIGITS: usize = 32;

impl Cursor {
    /// Writes the cursor; `scope` names the list, its namespace and all its filters.
    pub fn encode(self, scope: &str) -> String {
        format!("{:016x}{:016x}", self.after.cast_unsigned(), hash(scope))
    }

    /// Reads a cursor that was written for the same `scope`.
    pub fn decode(text: &str, scope: &str) -> Result<Self, InvalidCursor> {
        let halves = text.split_at_checked(DIGITS / 2);
        let (after, bound) = halves.ok_or(InvalidCursor::Malformed)?;
        let (after, bound) = (half(after)?, half(bound)?);
        if bound != hash(scope) {
            return Err(InvalidCursor::OtherFilters);
        }
        Ok(Self {
            after: after.cast_signed(),
        })
    }
}

/// A number of sixteen digits.
fn half(text: &str) -> Result<u64, InvalidCursor> {
    let plain = text.len() == DIGITS / 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !plain {
        return Err(InvalidCursor::Malformed);
    }
    u64::from_str_radix(text, 16).map_err(|_| InvalidCursor::Malformed)
}

/// FNV-1a with 64 bits (RFC 9923): a cursor outlives the process, and `std`'s hashers are not stable.
fn hash(scope: &str) -> u64 {
    scope.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::names::QueueName;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_filters_only() {
        let cursor = Cursor { after: 42 };
        let text = cursor.encode("tasks default PENDING");
        assert_eq!(Cursor::decode(&text, "tasks default PENDING"), Ok(cursor));
        assert_eq!(
            Cursor::decode(&text, "tasks other PENDING"),
            Err(InvalidCursor::OtherFilters)
        );
        for text in ["", "1", "é", &"+".repeat(32), &"é".repeat(16)] {
            assert_eq!(Cursor::decode(text, ""), Err(InvalidCursor::Malformed));
        }
    }

    #[test]
    fn a_cursor_of_names_is_good_for_its_own_list_only() {
        let name = |text: &str| NameCursor {
            after: QueueName::new(text).unwrap(),
        };
        let text = name("mail.eu-1").encode("default queues");
        let decode = NameCursor::<QueueName>::decode;
        assert_eq!(decode(&text, "default queues"), Ok(name("mail.eu-1")));
        let other = decode(&text, "other queues");
        assert_eq!(other, Err(InvalidCursor::OtherFilters));
        for text in [
            "",
            "1",
            "é",
            &text[..16],
            &format!("{text}/"),
            "+bcdef0123456789a",
        ] {
            assert_eq!(
                decode(text, "default queues"),
                Err(InvalidCursor::Malformed)
            );
        }
    }

    #[test]
    fn a_limit_is_named_or_the_default() {
        assert_eq!(page_limit(None), Ok(50));
        assert_eq!(page_limit(Some(1_000)), Ok(1_000));
        assert!(page_limit(Some(0)).is_err() && page_limit(Some(1_001)).is_err());
    }
}
