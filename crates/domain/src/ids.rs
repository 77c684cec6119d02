//! Identifiers as distinct types: what names a task cannot be passed where an execution is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text or number is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The number is not between 1 and 2^53 − 1.
    #[error("an id is a whole number from 1 to 9007199254740991")]
    OutOfRange,
    /// The text is not a token of 32 hexadecimal digits.
    #[error("a token is 32 hexadecimal digits")]
    MalformedToken,
}

/// The largest id: JSON readers keep whole numbers exact below 2^53 (RFC 8259, section 6).
pub const MAX_ID: i64 = (1 << 53) - 1;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(i64);

        impl $name {
            /// Takes a number from 1 to [`MAX_ID`].
            pub fn new(id: i64) -> Result<Self, InvalidId> {
                if (1..=MAX_ID).contains(&id) { Ok(Self(id)) } else { Err(InvalidId::OutOfRange) }
            }

            /// The number itself.
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = InvalidId;

            fn try_from(id: i64) -> Result<Self, InvalidId> {
                Self::new(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads plain decimal digits: no sign, no space, no leading zero.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
                if !plain {
                    return Err(InvalidId::OutOfRange);
                }
                text.parse().map_err(|_| InvalidId::OutOfRange).and_then(Self::new)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id! {
    /// A task of the control plane.
    TaskId
}
numeric_id! {
    /// An execution of the scheduler; on the user's wire `schedulerTaskId`.
    ExecutionId
}
numeric_id! {
    /// One life of a worker, from its registration to its goodbye or expiry.
    SessionId
}

numeric_id! {
    /// A cancel of many.
    CancellationId
}

/// The number of an attempt within its execution; the first is 1, and it only rises.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AttemptNumber(pub u32);

impl AttemptNumber {
    /// The number of the attempt after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 128 random bits that prove who holds a lease or a session; 32 hexadecimal digits on the wire.
///
/// `Debug` never prints the bits, so that a token cannot reach a log by accident.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token([u8; 16]);

impl Token {
    /// Makes a token of 16 bytes from the caller's random source.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Token {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidId::MalformedToken);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidId::MalformedToken)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidId::MalformedToken)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.to_string()
    }
}

/// What names one attempt for ever: a message with another fence changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The execution.
    pub execution: ExecutionId,
    /// The attempt within it.
    pub attempt: AttemptNumber,
    /// The proof that the sender was granted this attempt.
    pub token: Token,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_the_exact_json_range_are_refused() {
        assert_eq!(TaskId::new(0), Err(InvalidId::OutOfRange));
        assert_eq!(TaskId::new(-1), Err(InvalidId::OutOfRange));
        assert_eq!(TaskId::new(1 << 53), Err(InvalidId::OutOfRange));
        assert_eq!(TaskId::new(MAX_ID).map(TaskId::get), Ok(MAX_ID));
    }

    #[test]
    fn id_text_is_plain_digits_only() {
        for text in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1.0",
            "9007199254740992",
            "x",
        ] {
            assert_eq!(
                text.parse::<ExecutionId>(),
                Err(InvalidId::OutOfRange),
                "{text:?}"
            );
        }
        assert_eq!("42".parse(), ExecutionId::new(42));
    }

    #[test]
    fn a_token_survives_its_text_and_hides_in_debug() {
        let token = Token::from_bytes([0xa5; 16]);
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_eq!("a5".parse::<Token>(), Err(InvalidId::MalformedToken));
        assert_eq!(
            "é".repeat(16).parse::<Token>(),
            Err(InvalidId::MalformedToken)
        );
    }
}
