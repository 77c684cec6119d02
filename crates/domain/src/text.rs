//! Reads back the words that enums are kept as: the inverse of their `as_str`, over their `ALL`.

/// A text that names no value of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this text is not the name of {what}")]
pub struct UnknownName {
    /// What was wanted.
    pub what: &'static str,
}

/// Gives each enum `parse` and `FromStr` over the one list of words that its `as_str` holds.
macro_rules! read_back {
    ($($name:ident: $what:literal),+ $(,)?) => {$(
        impl $name {
            /// The value that has this name in [`as_str`](Self::as_str), exactly as it is spelled.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::text::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text).ok_or(crate::text::UnknownName { what: $what })
            }
        }
    )+};
}

pub(crate) use read_back;

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use crate::binding::TaskStatus;
    use crate::cancellation::{CancellationOutcome, CancellationStatus};
    use crate::execution::{AttemptEnd, BlockedBy, Phase, RetryState, State};
    use crate::stop::{Containment, How, StopCause, StopStage, StopStatus};
    use crate::text::UnknownName;

    /// Every value of each kind, through its text and back.
    macro_rules! round_trips {
        ($($name:ident),+ $(,)?) => {$(
            for value in $name::ALL {
                assert_eq!($name::parse(value.as_str()), Some(value));
                assert_eq!(value.as_str().parse(), Ok(value));
            }
            assert_eq!($name::parse("Pending "), None);
            assert!("".parse::<$name>().is_err());
        )+};
    }

    #[test]
    fn every_word_is_read_back_as_what_wrote_it() {
        round_trips!(
            State,
            Phase,
            BlockedBy,
            RetryState,
            AttemptEnd,
            TaskStatus,
            StopStatus,
            StopCause,
            How,
            Containment,
            StopStage,
            CancellationStatus,
            CancellationOutcome
        );
    }

    #[test]
    fn an_unknown_word_names_what_was_wanted() {
        assert_eq!(
            "running"
                .parse::<State>()
                .map_err(|error| error.to_string()),
            Err(UnknownName {
                what: "an execution state"
            }
            .to_string())
        );
    }

    #[test]
    fn serde_and_as_str_spell_alike() {
        spell_alike(State::ALL, State::as_str);
        spell_alike(Phase::ALL, Phase::as_str);
        spell_alike(BlockedBy::ALL, BlockedBy::as_str);
        spell_alike(RetryState::ALL, RetryState::as_str);
        spell_alike(TaskStatus::ALL, TaskStatus::as_str);
        spell_alike(StopStatus::ALL, StopStatus::as_str);
        spell_alike(StopCause::ALL, StopCause::as_str);
        spell_alike(How::ALL, How::as_str);
        spell_alike(Containment::ALL, Containment::as_str);
        spell_alike(StopStage::ALL, StopStage::as_str);
        spell_alike(CancellationStatus::ALL, CancellationStatus::as_str);
        spell_alike(CancellationOutcome::ALL, CancellationOutcome::as_str);
    }

    fn spell_alike<T: Serialize + Copy, const N: usize>(
        all: [T; N],
        as_str: fn(T) -> &'static str,
    ) {
        for value in all {
            assert_eq!(serde_json::to_value(value).unwrap(), as_str(value));
        }
    }
}
