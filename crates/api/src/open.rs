//! Words of vocabularies that may grow: a word that this version does not know is passed through.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use taskpilot_domain::execution::{AttemptEnd, BlockedBy, Phase, RetryState, State};
use taskpilot_domain::stop::{Containment, How, StopCause, StopStatus};
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};

/// A closed set of words on the wire.
pub trait Vocabulary: Copy + Eq + fmt::Debug + 'static {
    /// The name of its schema.
    const NAME: &'static str;
    /// What its words say.
    const MEANING: &'static str;
    /// Every value.
    const VALUES: &'static [Self];

    /// The word of this value.
    fn word(self) -> &'static str;
}

/// A word: one that this version knows, or another as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open<T> {
    /// A word of this version.
    Known(T),
    /// Any other word, never reinterpreted.
    Other(String),
}

impl<T: Vocabulary> Open<T> {
    /// Reads a word.
    pub fn from_word(word: &str) -> Self {
        let known = T::VALUES.iter().find(|value| value.word() == word);
        known.map_or_else(|| Self::Other(word.to_owned()), |value| Self::Known(*value))
    }

    /// The value, where this version knows the word.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Other(_) => None,
        }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(value) => value.word(),
            Self::Other(word) => word,
        }
    }
}

impl<T: Vocabulary> From<T> for Open<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: Vocabulary> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T: Vocabulary> Serialize for Open<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: Vocabulary> Deserialize<'de> for Open<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer).map(|word| Self::from_word(&word))
    }
}

impl<T: Vocabulary> utoipa::PartialSchema for Open<T> {
    fn schema() -> RefOr<Schema> {
        let words: Vec<&str> = T::VALUES.iter().map(|value| value.word()).collect();
        let others = "words that are not listed here may appear";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(format!(
                "{}: {}; {others}.",
                T::MEANING,
                words.join(", ")
            )))
            .examples(words)
            .build()
            .into()
    }
}

impl<T: Vocabulary> utoipa::ToSchema for Open<T> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }
}

macro_rules! vocabulary {
    ($alias:ident, $value:ty, $name:literal, $meaning:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        #[doc = concat!($meaning, "; other words are passed through.")]
        pub type $alias = $crate::open::Open<$value>;

        impl $crate::open::Vocabulary for $value {
            const NAME: &'static str = $name;
            const MEANING: &'static str = $meaning;
            const VALUES: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    };
}
pub(crate) use vocabulary;

vocabulary! { StateWord, State, "ExecutionStatus", "State of an execution", {
    Pending => "PENDING", Running => "RUNNING", Succeeded => "SUCCEEDED", Failed => "FAILED",
    Canceled => "CANCELED",
} }
vocabulary! { PhaseWord, Phase, "Phase", "What a PENDING execution waits for", {
    Scheduled => "SCHEDULED", Ready => "READY", BackingOff => "BACKING_OFF", Blocked => "BLOCKED",
} }
vocabulary! { BlockedByWord, BlockedBy, "BlockedBy", "What holds a BLOCKED execution back", {
    Paused => "paused", Limit => "limit", StopUnproven => "stop_unproven",
} }
vocabulary! { RetryStateWord, RetryState, "RetryState", "Where an execution is on the way to its end", {
    Queued => "QUEUED", InProgress => "IN_PROGRESS", WaitingForRetry => "WAITING_FOR_RETRY",
    Completed => "COMPLETED", Canceled => "CANCELED", Exhausted => "EXHAUSTED",
} }
vocabulary! { AttemptEndWord, AttemptEnd, "AttemptOutcome", "How an attempt ended", {
    Succeeded => "succeeded", Failed => "failed", Lost => "lost", Released => "released",
    Interrupted => "interrupted", TimedOut => "timed_out",
    DeadlineExceeded => "deadline_exceeded", Canceled => "canceled",
} }
vocabulary! { StopStatusWord, StopStatus, "StopStatus", "How far a stop has come", {
    NotNeeded => "NOT_NEEDED", Requested => "REQUESTED", Delivered => "DELIVERED",
    Acknowledged => "ACKNOWLEDGED", Abandoned => "ABANDONED", Stuck => "STUCK",
    Presumed => "PRESUMED", Stopped => "STOPPED",
} }
vocabulary! { StopCauseWord, StopCause, "StopCause", "Why an attempt was stopped", {
    User => "USER", Bulk => "BULK", Parent => "PARENT", Deadline => "DEADLINE",
    Timeout => "TIMEOUT", Shutdown => "SHUTDOWN", Lease => "LEASE",
} }
vocabulary! { HowWord, How, "StopHow", "How the work of a stopped attempt ended", {
    Finished => "finished", Cooperative => "cooperative", Terminated => "terminated",
    Killed => "killed", NeverStarted => "never_started",
} }
vocabulary! { ContainmentWord, Containment, "Containment", "What encloses the processes of an attempt", {
    Cgroup => "cgroup", Subreaper => "subreaper", InProcess => "in_process",
} }

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees<T: Vocabulary + Serialize>() {
        for value in T::VALUES {
            let word = serde_json::to_value(value).unwrap();
            assert_eq!(word, value.word(), "{value:?}");
            assert_eq!(Open::from_word(value.word()), Open::Known(*value));
        }
    }

    #[test]
    fn words_are_those_of_the_domain() {
        agrees::<State>();
        agrees::<Phase>();
        agrees::<BlockedBy>();
        agrees::<RetryState>();
        agrees::<StopStatus>();
        agrees::<StopCause>();
        agrees::<How>();
        agrees::<Containment>();
        assert!(
            AttemptEnd::ALL
                .iter()
                .all(|end| end.word() == end.as_str() && AttemptEnd::VALUES.contains(end))
        );
    }

    #[test]
    fn an_unknown_word_is_passed_through() {
        let read: StateWord = serde_json::from_str("\"PAUSED\"").unwrap();
        assert_eq!(
            (read.known(), serde_json::to_string(&read).unwrap()),
            (None, "\"PAUSED\"".into())
        );
    }
}
