//! The calls of the scheduler: each is one transaction, and its answer a message.

use taskpilot_domain::execution::{Event, FenceMatch, Refused, State};
use taskpilot_domain::stop::{CancelCause, How, StopEvent};

use super::message::{Fence, Fences, Message, Outcome, Session, runs_functions};
use super::mutation::Mutation;
use super::properties::Promise;
use super::scheduler::{Attempt, Seen, SessionRow, narrow};
use super::world::{TaskPilot, World};

impl World {
    /// Takes a message that is for the scheduler.
    pub(super) fn serve(&mut self, model: &TaskPilot, message: Message) {
        match message {
            Message::Create { key } => self.create(model, key),
            Message::CancelKey { key } => self.cancel_key(model, key),
            Message::Cancel { execution, cascade } => {
                let ok = self.cancel(model, execution);
                if ok && cascade {
                    self.close(model);
                }
                self.send(model, Message::Canceled { execution, ok });
            }
            Message::Claim { session, seq } => self.claim(model, session, seq),
            Message::HandIn {
                session,
                fence,
                outcome,
            } => {
                self.judge(model, fence, outcome);
                self.send(model, Message::HandedIn { session, fence });
            }
            Message::Report { fence, stage, .. } => {
                self.learn(fence, stage.event());
            }
            Message::Beat {
                session,
                answered,
                held,
            } => self.beat(model, session, answered, |fence| held.contains(fence)),
            Message::Goodbye {
                session,
                never_started,
            } => self.end_session(model, session, (Event::WorkerGone, never_started)),
            Message::Start { session, fence } => self.confirm(model, session, fence),
            Message::Join => self.join(model),
            Message::Created { .. }
            | Message::Refused { .. }
            | Message::KeyCanceled { .. }
            | Message::Canceled { .. }
            | Message::Granted { .. }
            | Message::HandedIn { .. }
            | Message::Order { .. }
            | Message::Started { .. } => unreachable!("invariant: it is not for the scheduler"),
        }
    }

    fn create(&mut self, model: &TaskPilot, key: u8) {
        let known = self.scheduler.keys[usize::from(key)];
        let execution = known.unwrap_or_else(|| self.scheduler.accept(key));
        self.send(model, Message::Created { key, execution });
    }

    /// A create that is refused for good: its key stands for nothing, now.
    pub(super) fn refuse(&mut self, model: &TaskPilot, key: u8) {
        self.send(model, Message::Refused { key });
    }

    fn cancel_key(&mut self, model: &TaskPilot, key: u8) {
        let ok = match self.scheduler.keys[usize::from(key)] {
            Some(execution) => self.cancel(model, execution),
            None if model.breaks(Mutation::ForgetsTheTombstone) => true,
            None => {
                let execution = self.scheduler.accept(key);
                self.cancel(model, execution)
            }
        };
        self.send(model, Message::KeyCanceled { key, ok });
    }

    /// Whether it is canceled, now or before.
    fn cancel(&mut self, model: &TaskPilot, id: u8) -> bool {
        let ok = if model.breaks(Mutation::AnswersBeforeTheCommit) {
            true
        } else if model.breaks(Mutation::DecidesAfterTheAnswer) {
            self.scheduler.owed = Some(id);
            true
        } else {
            let event = Event::CancelRequested(CancelCause::User);
            let decided = self.happen(model, id, event, Seen::default());
            matches!(decided, Ok(_) | Err(Refused::NoOp))
        };
        self.scheduler.executions[usize::from(id)].answered |= ok;
        ok
    }

    fn claim(&mut self, model: &TaskPilot, session: Session, seq: u8) {
        let SessionRow::Live {
            has_lapsed: false,
            seq: last,
        } = self.scheduler.session(session)
        else {
            return;
        };
        let fence = match last {
            Some(last) if seq < last => return,
            Some(last) if seq == last => self.granted_before(session, seq),
            Some(_) | None => self.grant(model, session, seq),
        };
        self.send(
            model,
            Message::Granted {
                session,
                seq,
                fence,
            },
        );
    }

    /// What this claim was granted and still is held.
    fn granted_before(&self, session: Session, seq: u8) -> Option<Fence> {
        let open =
            |attempt: &Attempt| attempt.end.is_none() && attempt.holder == Some((session, seq));
        let mut attempts = self.scheduler.attempts();
        attempts
            .find(|(_, attempt)| open(attempt))
            .map(|(fence, _)| fence)
    }

    fn grant(&mut self, model: &TaskPilot, session: Session, seq: u8) -> Option<Fence> {
        if !self.scheduler.has_room(session) {
            return None;
        }
        let seen = Seen {
            no_stops: model.breaks(Mutation::GrantsOverAnOpenStop),
            ..Seen::default()
        };
        for id in (0..).take(self.scheduler.executions.len()) {
            if self.scheduler.execution(id).attempt >= model.bounds.attempts
                || self.decides_instead_of_a_grant(model, id)
            {
                continue;
            }
            let before = self.scheduler.execution(id).clone();
            if let Ok(change) = self.happen(model, id, Event::Claimed, seen) {
                let mut attempt = narrow(change.next.attempt.0);
                let execution = &mut self.scheduler.executions[usize::from(id)];
                if model.breaks(Mutation::ReusesTheFence) && before.attempt_count > 0 {
                    attempt = before.attempt;
                    execution.attempt = attempt;
                    execution.attempt_count = before.attempt_count;
                    execution.attempts.pop();
                }
                let fence = Fence {
                    execution: id,
                    attempt,
                };
                self.scheduler.executions[usize::from(id)]
                    .attempts
                    .push(Attempt {
                        number: attempt,
                        end: None,
                        stop: None,
                        holder: Some((session, seq)),
                        is_function: runs_functions(session.worker),
                        confirmed: false,
                        released: None,
                    });
                self.note_claim(session, seq);
                return Some(fence);
            }
        }
        None
    }

    fn note_claim(&mut self, session: Session, answered: u8) {
        if let SessionRow::Live { seq, .. } = self.scheduler.session_mut(session) {
            *seq = (*seq).max(Some(answered));
        }
    }

    fn judge(&mut self, model: &TaskPilot, fence: Fence, outcome: Outcome) {
        let compared = self.compare(fence, outcome.end());
        let believed = if model.breaks(Mutation::TrustsAnyFence) {
            FenceMatch::Current
        } else {
            compared
        };
        let event = match outcome {
            Outcome::Succeeded => Event::Succeeded(believed),
            Outcome::Failed => Event::AttemptFailed {
                fence: believed,
                retryable: true,
            },
            Outcome::Released => Event::Released(believed),
            Outcome::Interrupted => Event::Interrupted(believed),
        };
        let mut seen = Seen::default();
        if model.breaks(Mutation::TakesAResultAfterTheVerdict)
            && self.scheduler.execution(fence.execution).state == State::Canceled
            && outcome == Outcome::Succeeded
            && compared == FenceMatch::EndedOtherwise
        {
            // The row was read before the cancel was committed.
            seen.state = Some(State::Running);
            let _ = self.happen(
                model,
                fence.execution,
                Event::Succeeded(FenceMatch::Current),
                seen,
            );
            return;
        }
        let before = self.scheduler.execution(fence.execution).clone();
        let decided = self.happen(model, fence.execution, event, seen);
        if decided.is_ok() && compared != FenceMatch::Current {
            self.broken.note(Promise::StaleMessagesChangeNothing);
        }
        debug_assert!(decided.is_ok() || before == *self.scheduler.execution(fence.execution));
        if compared == FenceMatch::EndedOtherwise
            && let Some(proof) = event.about_stop(None)
        {
            self.learn(fence, proof);
        }
    }

    /// Closes the claims that were answered, and releases what they granted and nobody holds.
    fn beat(
        &mut self,
        model: &TaskPilot,
        session: Session,
        answered: u8,
        holds: impl Fn(Fence) -> bool,
    ) {
        let SessionRow::Live {
            has_lapsed: false, ..
        } = self.scheduler.session(session)
        else {
            return;
        };
        self.note_claim(session, answered);
        for fence in self.scheduler.open_of(session) {
            let attempt = self.scheduler.attempt(fence);
            let is_lost = attempt.is_some_and(|attempt| {
                attempt.end.is_none() && attempt.holder.is_some_and(|(_, seq)| seq <= answered)
            });
            if is_lost && !holds(fence) {
                let event = Event::Released(FenceMatch::Current);
                let _ = self.happen(model, fence.execution, event, Seen::default());
            }
        }
    }

    /// Ends a session for good, with all it holds. What it never started is given back.
    pub(super) fn end_session(
        &mut self,
        model: &TaskPilot,
        session: Session,
        (event, never_started): (Event, Fences),
    ) {
        if !matches!(self.scheduler.session(session), SessionRow::Live { .. }) {
            return;
        }
        for fence in self.scheduler.open_of(session) {
            let (event, proof) = if never_started.contains(fence) {
                (
                    Event::Released(FenceMatch::Current),
                    StopEvent::Ended(How::NeverStarted),
                )
            } else {
                (event, StopEvent::WorkerGone)
            };
            let runs = self
                .scheduler
                .attempt(fence)
                .is_some_and(|attempt| attempt.end.is_none());
            if runs {
                let _ = self.happen(model, fence.execution, event, Seen::default());
            } else {
                self.learn(fence, proof);
            }
        }
        *self.scheduler.session_mut(session) = SessionRow::Ended;
    }
}
