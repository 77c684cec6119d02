//! The numbers that words are kept as.
//!
//! They are on disk: a number never changes its meaning, and 0 and 1 are left to other uses,
//! because the engine keeps them in no bytes and a row would change its size with its state.

use taskpilot_domain::execution::{AttemptEnd, Phase, Standing, State};
use taskpilot_domain::queue::Steered;
use taskpilot_domain::stop::{Containment, How, StopCause, StopStage, StopStatus};
use taskpilot_domain::time::Timestamp;

use crate::decode::Columns;
use crate::failure::Failure;

/// Where an execution stands: its state, and for a PENDING one what it waits for.
///
/// `SCHEDULED` and `BACKING_OFF` are one place: both wait for an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ready,
    Waiting,
    Blocked,
    Running,
    Succeeded,
    Failed,
    Canceled,
}

impl Place {
    pub(super) fn of(standing: &Standing, now: Timestamp) -> Self {
        match standing.state {
            State::Pending => match standing.phase(now) {
                Some(Phase::Ready) => Self::Ready,
                Some(Phase::Blocked) => Self::Blocked,
                Some(Phase::Scheduled | Phase::BackingOff) | None => Self::Waiting,
            },
            State::Running => Self::Running,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Canceled => Self::Canceled,
        }
    }

    pub(super) fn state(self) -> State {
        match self {
            Self::Ready | Self::Waiting | Self::Blocked => State::Pending,
            Self::Running => State::Running,
            Self::Succeeded => State::Succeeded,
            Self::Failed => State::Failed,
            Self::Canceled => State::Canceled,
        }
    }
}

/// A word with a number.
pub(super) trait Coded: Copy + PartialEq + 'static {
    /// Every word with its number.
    const CODES: &'static [(i64, Self)];

    fn code(self) -> i64 {
        Self::CODES
            .iter()
            .find(|(_, word)| *word == self)
            .map(|(code, _)| *code)
            .expect("invariant: every word has a number, which a test holds")
    }

    fn decode(code: i64) -> Option<Self> {
        let found = Self::CODES.iter().find(|(known, _)| *known == code);
        found.map(|(_, word)| *word)
    }
}

impl Coded for Place {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::Ready),
        (3, Self::Waiting),
        (4, Self::Blocked),
        (5, Self::Running),
        (6, Self::Succeeded),
        (7, Self::Failed),
        (8, Self::Canceled),
    ];
}

impl Coded for Steered {
    const CODES: &'static [(i64, Self)] =
        &[(2, Self::Limited), (3, Self::Paused), (4, Self::Resumed)];
}

impl Coded for AttemptEnd {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::Succeeded),
        (3, Self::Failed),
        (4, Self::Lost),
        (5, Self::Released),
        (6, Self::Interrupted),
        (7, Self::TimedOut),
        (8, Self::DeadlineExceeded),
        (9, Self::Canceled),
    ];
}

/// A stop that is not needed has no row.
impl Coded for StopStatus {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::Requested),
        (3, Self::Delivered),
        (4, Self::Acknowledged),
        (5, Self::Abandoned),
        (6, Self::Stuck),
        (7, Self::Presumed),
        (8, Self::Stopped),
    ];
}

impl Coded for StopCause {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::User),
        (3, Self::Bulk),
        (4, Self::Parent),
        (5, Self::Deadline),
        (6, Self::Timeout),
        (7, Self::Shutdown),
        (8, Self::Lease),
    ];
}

impl Coded for StopStage {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::Delivered),
        (3, Self::Signaled),
        (4, Self::Stopped),
    ];
}

impl Coded for How {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::Finished),
        (3, Self::Cooperative),
        (4, Self::Terminated),
        (5, Self::Killed),
        (6, Self::NeverStarted),
    ];
}

impl Coded for Containment {
    const CODES: &'static [(i64, Self)] = &[
        (2, Self::Cgroup),
        (3, Self::Subreaper),
        (4, Self::InProcess),
    ];
}

/// The next column as a word.
pub(super) fn word<T: Coded>(
    columns: &mut Columns<'_, '_>,
    column: &'static str,
) -> Result<T, Failure> {
    let code = columns.value(column)?;
    T::decode(code).ok_or_else(|| columns.corrupt(column))
}

/// The same, where there may be none.
pub(super) fn word_or_none<T: Coded>(
    columns: &mut Columns<'_, '_>,
    column: &'static str,
) -> Result<Option<T>, Failure> {
    let code: Option<i64> = columns.value(column)?;
    code.map(|code| T::decode(code).ok_or_else(|| columns.corrupt(column)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskpilot_domain::stop::{StopChange, StopEvent, advance};

    fn every_word_has_one_number<T: Coded + std::fmt::Debug>(all: &[T]) {
        for (index, word) in all.iter().enumerate() {
            assert_eq!(T::decode(word.code()), Some(*word));
            assert!(word.code() >= 2);
            assert!(all[..index].iter().all(|other| other.code() != word.code()));
        }
        assert_eq!(all.len(), T::CODES.len());
    }

    #[test]
    fn every_word_is_read_back_from_its_number() {
        every_word_has_one_number(&AttemptEnd::ALL);
        every_word_has_one_number(&StopStatus::ALL[1..]);
        every_word_has_one_number(&StopCause::ALL);
        every_word_has_one_number(&How::ALL);
        every_word_has_one_number(&Steered::ALL);
        every_word_has_one_number(&Containment::ALL);
        every_word_has_one_number(&StopStage::ALL);
    }

    /// The partial indexes say `state < 6` for what lives.
    #[test]
    fn the_numbers_of_final_places_are_the_highest() {
        for (code, place) in Place::CODES {
            assert_eq!(place.state().is_final(), *code >= 6, "{place:?}");
        }
    }

    /// The partial indexes say `status < 7` for what holds a slot and `status < 5` for what can
    /// become overdue.
    #[test]
    fn the_numbers_of_stops_rise_with_what_they_hold() {
        for (code, status) in StopStatus::CODES {
            assert_eq!(status.is_settled(), *code >= 7, "{status:?}");
            let overdue = advance(*status, StopEvent::Overdue);
            let moves = matches!(overdue, StopChange::Moved(_));
            assert_eq!(moves, *code < 5, "{status:?}");
        }
    }
}
