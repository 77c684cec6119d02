//! Validated names: queues, task types, namespaces, principals, keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{IDEMPOTENCY_KEY_CHARS_MAX, NAME_CHARS_MAX, TYPE_CHARS_MAX};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty, or longer than the limit.
    #[error("{what} has 1 to {max} characters")]
    Length {
        /// What was being named.
        what: &'static str,
        /// The most characters it may have.
        max: usize,
    },
    /// A character that the name may not have.
    #[error("{what} is made of {allowed}")]
    Character {
        /// What was being named.
        what: &'static str,
        /// The characters it may have.
        allowed: &'static str,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr, $allowed:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes a text that keeps the rules of this name.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                if text.is_empty() || text.len() > $max {
                    return Err(InvalidName::Length { what: $what, max: $max });
                }
                let accepts: fn(u8) -> bool = $accepts;
                if !text.bytes().all(accepts) {
                    return Err(InvalidName::Character { what: $what, allowed: $allowed });
                }
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name! {
    /// A stream of executions.
    QueueName, "a queue name", NAME_CHARS_MAX, "letters, digits, '.', '_' and '-'", plain
}
name! {
    /// What kind of work a task is, and so which handler runs it.
    TaskType, "a type", TYPE_CHARS_MAX, "letters, digits, '.', '_', '-', ':' and '/'",
    |byte| plain(byte) || matches!(byte, b':' | b'/')
}
name! {
    /// The world that a principal lives in: what is in another one does not exist.
    Namespace, "a namespace", NAME_CHARS_MAX, "letters, digits, '.', '_' and '-'", plain
}
name! {
    /// Who makes a request.
    PrincipalName, "a principal", NAME_CHARS_MAX, "letters, digits, '.', '_', '-', '@' and ':'",
    |byte| plain(byte) || matches!(byte, b'@' | b':')
}
name! {
    /// A label for people on a worker; never a fence.
    WorkerName, "a worker name", NAME_CHARS_MAX, "letters, digits, '.', '_', '-' and ':'",
    |byte| plain(byte) || byte == b':'
}
name! {
    /// A caller's key that makes a create repeatable.
    IdempotencyKey, "an idempotency key", IDEMPOTENCY_KEY_CHARS_MAX, "visible ASCII characters",
    |byte| byte.is_ascii_graphic()
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl Namespace {
    /// The namespace of everybody while there is no authentication.
    pub fn default_namespace() -> Self {
        Self("default".into())
    }
}

impl PrincipalName {
    /// The principal of everybody while there is no authentication, which is on loopback only.
    pub fn local() -> Self {
        Self("local".into())
    }
}

impl QueueName {
    /// The queue of whoever names none.
    pub fn default_queue() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_alphabet_and_length() {
        assert!(QueueName::new("mail.eu-1").is_ok());
        assert!(TaskType::new("report/daily:v2").is_ok());
        for text in ["", "a b", "ü", "a/b", "a\n", &"x".repeat(65)] {
            assert!(QueueName::new(text).is_err(), "{text:?}");
        }
        assert!(IdempotencyKey::new("with space").is_err());
    }
}
