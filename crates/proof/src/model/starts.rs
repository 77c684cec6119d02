//! Work that asks before it begins.

use taskpilot_domain::execution::{FenceMatch, Refused, State, confirm_start};
use taskpilot_domain::time::Timestamp;

use super::message::{Fence, Message, Session};
use super::mutation::Mutation;
use super::properties::Promise;
use super::scheduler::SessionRow;
use super::world::{TaskPilot, World};

impl World {
    /// Answers whether an attempt may begin, and keeps that it may.
    pub(super) fn confirm(&mut self, model: &TaskPilot, session: Session, fence: Fence) {
        let SessionRow::Live {
            has_lapsed: false, ..
        } = self.scheduler.session(session)
        else {
            return;
        };
        let ok = self.may_begin(model, session, fence);
        if ok && self.scheduler.execution(fence.execution).answered {
            self.broken.note(Promise::NothingAfterACancel);
        }
        if let Some(attempt) = self.scheduler.attempt_mut(fence) {
            attempt.confirmed |= ok;
        }
        self.send(model, Message::Started { session, fence, ok });
    }

    fn may_begin(&self, model: &TaskPilot, session: Session, fence: Fence) -> bool {
        let Some(attempt) = self.scheduler.attempt(fence) else {
            return false;
        };
        // Who held it is forgotten with its end, and then it makes no difference.
        let is_own = attempt.holder.is_none_or(|(holder, _)| holder == session);
        let state = self.scheduler.execution(fence.execution).state;
        let compared = match attempt.end {
            _ if !is_own => FenceMatch::Unknown,
            None => FenceMatch::Current,
            Some(_) => FenceMatch::EndedOtherwise,
        };
        let (state, compared) = match state {
            State::Canceled if model.breaks(Mutation::ConfirmsAfterTheVerdict) => {
                (State::Running, FenceMatch::Current)
            }
            state => (state, compared),
        };
        let confirmed_at = attempt.confirmed.then_some(Timestamp::EPOCH);
        matches!(
            confirm_start(state, compared, confirmed_at),
            Ok(()) | Err(Refused::Duplicate)
        )
    }

    /// Nothing runs that was not told that it may.
    pub(super) fn begins_confirmed_alone(&self) -> bool {
        let mut alive = self.workers.iter().flat_map(|one| one.alive().iter());
        alive.all(|fence| {
            let attempt = self.scheduler.attempt(fence);
            attempt.is_some_and(|attempt| attempt.confirmed)
        })
    }
}
