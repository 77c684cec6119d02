//! Whether work may begin, for handlers that ask before anything of theirs runs.

use super::event::FenceMatch;
use super::state::State;
use super::transition::Refused;
use crate::time::Timestamp;

/// Decides whether the attempt that a worker asks about may begin. `Ok`: from now on it may, and that
/// is to be kept; [`Refused::Duplicate`]: it was told so at `confirmed_at`, and nothing has changed since.
///
/// After the verdict of a cancel nobody is told so, also not again.
pub fn confirm_start(
    state: State,
    fence: FenceMatch,
    confirmed_at: Option<Timestamp>,
) -> Result<(), Refused> {
    match (state, fence) {
        (State::Running, FenceMatch::Current) if confirmed_at.is_some() => Err(Refused::Duplicate),
        (State::Running, FenceMatch::Current) => Ok(()),
        (
            State::Canceled,
            FenceMatch::Current | FenceMatch::EndedSame | FenceMatch::EndedOtherwise,
        ) => Err(Refused::Late),
        (
            State::Pending | State::Running | State::Succeeded | State::Failed,
            FenceMatch::Current | FenceMatch::EndedSame | FenceMatch::EndedOtherwise,
        )
        | (
            State::Pending | State::Running | State::Succeeded | State::Failed | State::Canceled,
            FenceMatch::Unknown,
        ) => Err(Refused::Stale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_attempt_in_force_may_begin_and_after_a_cancel_none() {
        for state in State::ALL {
            for fence in FenceMatch::ALL {
                for confirmed in [None, Some(Timestamp::EPOCH)] {
                    let in_force = state == State::Running && fence == FenceMatch::Current;
                    let is_known = fence != FenceMatch::Unknown;
                    let expected = if in_force && confirmed.is_some() {
                        Err(Refused::Duplicate)
                    } else if in_force {
                        Ok(())
                    } else if state == State::Canceled && is_known {
                        Err(Refused::Late)
                    } else {
                        Err(Refused::Stale)
                    };
                    let decided = confirm_start(state, fence, confirmed);
                    assert_eq!(decided, expected, "{state:?} {fence:?} {confirmed:?}");
                }
            }
        }
    }
}
