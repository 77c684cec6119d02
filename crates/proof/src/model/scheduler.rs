//! What the scheduler keeps, and how it applies what `domain` decides.

use taskpilot_domain::execution::{
    AttemptEnd, Event, FenceMatch, Refused, Standing, State, Transition, transition,
};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::retry::{Backoff, Jitter, RetryPolicy};
use taskpilot_domain::stop::{StopChange, StopEvent, StopStatus, advance};
use taskpilot_domain::time::Timestamp;

use super::message::{Fence, Session};
use super::mutation::Mutation;
use super::properties::Promise;
use super::world::{TaskPilot, World};

/// The one instant of the model: stamps are no part of it.
fn now() -> Timestamp {
    Timestamp::from_millis(0)
}
/// No back-off is drawn: what waits for its time may as well be claimed late.
const AT_ONCE: Jitter = Jitter(0);

/// Durable, all of it. What the scheduler keeps in memory are hints: who waits, which streams are open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Scheduler {
    /// By key: the execution that stands under it.
    pub(super) keys: [Option<u8>; 2],
    pub(super) executions: Vec<Execution>,
    pub(super) sessions: [SessionRow; 4],
    /// Of the first execution.
    pub(super) tree: Tree,
    /// For the properties: a cancel that cascades was answered with success.
    pub(super) was_to_close: bool,
    /// A cancel that is answered and not decided: only where that rule is broken.
    pub(super) owed: Option<u8>,
}

/// An execution or a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Execution {
    /// None: it is the child of the first one.
    pub(super) key: Option<u8>,
    pub(super) state: State,
    pub(super) attempt: u8,
    pub(super) attempt_count: u8,
    pub(super) uncounted: u8,
    pub(super) has_started: bool,
    /// Its cancel says that there was nothing to stop.
    pub(super) not_needed: bool,
    /// For the properties: a cancel of it was answered with success.
    pub(super) answered: bool,
    pub(super) attempts: Vec<Attempt>,
}

/// Whether anything joins what is below an execution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Tree {
    #[default]
    Open,
    /// It is closed, and not all that is below is decided.
    Undecided,
    /// It is closed.
    Closed,
}

/// The row of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub(super) number: u8,
    pub(super) end: Option<AttemptEnd>,
    pub(super) stop: Option<StopStatus>,
    /// Who holds it, and by which claim; forgotten when nobody asks any more.
    pub(super) holder: Option<(Session, u8)>,
    /// Its work is a function inside the worker.
    pub(super) is_function: bool,
    /// Its worker was told that it may begin.
    pub(super) confirmed: bool,
    /// An operator has released its stop, which stood at this.
    pub(super) released: Option<StopStatus>,
}

/// The row of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum SessionRow {
    /// There is none.
    #[default]
    Unknown,
    /// It lives; its lease may be over all the same. The number is that of the last claim that was
    /// granted or closed.
    Live { has_lapsed: bool, seq: Option<u8> },
    /// It is dead for ever.
    Ended,
}

impl Attempt {
    /// Whether a stop of it holds something: its slot, and the way to the next attempt.
    pub(super) fn is_unsettled(self) -> bool {
        self.released.is_none() && self.has_open_stop()
    }

    fn has_open_stop(self) -> bool {
        self.stop.is_some_and(|status| !status.is_settled())
    }

    /// Whether its worker may still have something to say.
    pub(super) fn is_open(self) -> bool {
        self.end.is_none() || self.has_open_stop()
    }

    fn is_of(self, session: Session) -> bool {
        self.holder.is_some_and(|(holder, _)| holder == session)
    }

    pub(super) fn counts(self) -> bool {
        !matches!(
            self.end,
            Some(AttemptEnd::Released | AttemptEnd::Interrupted)
        )
    }

    /// Whether it takes a slot of its holder.
    fn is_held(self) -> bool {
        self.end.is_none() || self.is_unsettled()
    }
}

impl Scheduler {
    /// Accepts an execution under a key.
    pub(super) fn accept(&mut self, key: u8) -> u8 {
        let id = self.add(Some(key));
        self.keys[usize::from(key)] = Some(id);
        id
    }

    /// Adds the row of an execution.
    pub(super) fn add(&mut self, key: Option<u8>) -> u8 {
        let id = u8::try_from(self.executions.len()).expect("invariant: two executions at most");
        self.executions.push(Execution {
            key,
            state: State::Pending,
            attempt: 0,
            attempt_count: 0,
            uncounted: 0,
            has_started: false,
            not_needed: false,
            answered: false,
            attempts: Vec::new(),
        });
        id
    }

    pub(super) fn execution(&self, id: u8) -> &Execution {
        &self.executions[usize::from(id)]
    }

    pub(super) fn attempt(&self, fence: Fence) -> Option<&Attempt> {
        let execution = self.executions.get(usize::from(fence.execution))?;
        execution
            .attempts
            .iter()
            .find(|attempt| attempt.number == fence.attempt)
    }

    pub(super) fn attempt_mut(&mut self, fence: Fence) -> Option<&mut Attempt> {
        let execution = self.executions.get_mut(usize::from(fence.execution))?;
        execution
            .attempts
            .iter_mut()
            .find(|attempt| attempt.number == fence.attempt)
    }

    pub(super) fn session(&self, session: Session) -> SessionRow {
        self.sessions[place(session)]
    }

    pub(super) fn session_mut(&mut self, session: Session) -> &mut SessionRow {
        &mut self.sessions[place(session)]
    }

    /// All attempts with their fences.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (Fence, &Attempt)> {
        (0..).zip(&self.executions).flat_map(|(id, execution)| {
            execution.attempts.iter().map(move |attempt| {
                let fence = Fence {
                    execution: id,
                    attempt: attempt.number,
                };
                (fence, attempt)
            })
        })
    }

    /// Whether the one slot of a session is free.
    pub(super) fn has_room(&self, session: Session) -> bool {
        let mut held = self.attempts().filter(|(_, attempt)| attempt.is_held());
        !held.any(|(_, attempt)| attempt.is_of(session))
    }

    /// What a session has to do with: what it runs, and what it has not proven to have stopped.
    pub(super) fn open_of(&self, session: Session) -> Vec<Fence> {
        let of_session = |attempt: &Attempt| attempt.is_open() && attempt.is_of(session);
        self.attempts()
            .filter(|(_, attempt)| of_session(attempt))
            .map(|(fence, _)| fence)
            .collect()
    }
}

fn place(session: Session) -> usize {
    usize::from(session.worker) * 2 + usize::from(session.is_old)
}

impl Execution {
    pub(super) fn is_child(&self) -> bool {
        self.key.is_none()
    }

    /// What decisions depend on, without the clocks.
    fn standing(&self, max_attempts: u8) -> Standing {
        let policy = RetryPolicy {
            max_attempts: max_attempts.into(),
            backoff: Backoff::default(),
        };
        Standing {
            state: self.state,
            attempt: AttemptNumber(self.attempt.into()),
            attempt_count: self.attempt_count.into(),
            uncounted: self.uncounted.into(),
            processing_started_at: self.has_started.then(now),
            stop_unproven: self.attempts.iter().any(|one| one.is_unsettled()),
            ..Standing::accepted(now(), policy)
        }
    }
}

/// How a decision comes about: as it is, or as a mutation has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// The state that is believed in.
    pub(super) state: Option<State>,
    /// No stop is believed to be open.
    pub(super) no_stops: bool,
}

impl World {
    /// Asks what an event does to an execution, and applies it.
    pub(super) fn happen(
        &mut self,
        model: &TaskPilot,
        id: u8,
        event: Event,
        seen: Seen,
    ) -> Result<Transition, Refused> {
        let mut standing = self
            .scheduler
            .execution(id)
            .standing(model.bounds.max_attempts);
        standing.state = seen.state.unwrap_or(standing.state);
        standing.stop_unproven &= !seen.no_stops;
        let change = transition(&standing, event, now(), AT_ONCE)?;
        self.apply(model, id, event, &change);
        Ok(change)
    }

    fn apply(&mut self, model: &TaskPilot, id: u8, event: Event, change: &Transition) {
        self.watch(id, event, change);
        let execution = &mut self.scheduler.executions[usize::from(id)];
        let next = &change.next;
        if let Some(end) = change.ended {
            let ended = execution.attempt;
            let rows = &mut execution.attempts;
            if let Some(attempt) = rows.iter_mut().find(|attempt| attempt.number == ended) {
                attempt.end = Some(end);
                attempt.stop = change.stop.and(change.first_stop_status());
            }
        }
        execution.not_needed |= change.first_stop_status() == Some(StopStatus::NotNeeded);
        execution.state = next.state;
        execution.attempt = narrow(next.attempt.0);
        execution.attempt_count = narrow(next.attempt_count);
        execution.uncounted = narrow(next.uncounted);
        execution.has_started = next.processing_started_at.is_some();
        if model.breaks(Mutation::CountsNothing) {
            execution.attempt_count = 0;
        }
    }

    /// Looks at each change with eyes of its own.
    fn watch(&mut self, id: u8, event: Event, change: &Transition) {
        let before = self.scheduler.execution(id);
        let (from, to) = (before.state, change.next.state);
        let is_legal = match from {
            State::Pending => matches!(to, State::Running | State::Failed | State::Canceled),
            State::Running => to != State::Running,
            State::Succeeded | State::Failed | State::Canceled => false,
        };
        if !is_legal || (to == State::Running) != (event == Event::Claimed) {
            self.broken.note(Promise::OnlyLegalTransitions);
        }
        if before.answered && to != State::Canceled {
            self.broken.note(Promise::NothingAfterACancel);
        }
        if before.is_child() && self.scheduler.tree != Tree::Open && to == State::Running {
            self.broken.note(Promise::AClosedTreeIsClosed);
        }
    }

    /// What a report means to the attempt that it names.
    pub(super) fn compare(&self, fence: Fence, end: AttemptEnd) -> FenceMatch {
        match self.scheduler.attempt(fence).map(|attempt| attempt.end) {
            None => FenceMatch::Unknown,
            Some(None) => FenceMatch::Current,
            Some(Some(ended)) if ended == end => FenceMatch::EndedSame,
            Some(Some(_)) => FenceMatch::EndedOtherwise,
        }
    }

    /// Moves the stop of an attempt by what became known. `false`: there is none.
    pub(super) fn learn(&mut self, fence: Fence, event: StopEvent) -> bool {
        let Some(attempt) = self.scheduler.attempt_mut(fence) else {
            return false;
        };
        let Some(status) = attempt.stop else {
            return false;
        };
        if let StopChange::Moved(next) = advance(status, event) {
            attempt.stop = Some(next);
        }
        true
    }

    /// An operator takes on a stop that failed: what it holds is free from now on.
    pub(super) fn release(&mut self, model: &TaskPilot, fence: Fence) {
        let Some(attempt) = self.scheduler.attempt_mut(fence) else {
            return;
        };
        let Some(status) = attempt.stop.filter(|_| attempt.released.is_none()) else {
            return;
        };
        let decided = advance(status, StopEvent::ReleasedByOperator);
        if decided == StopChange::Released || model.breaks(Mutation::ReleasesWhatMayYetStop) {
            attempt.released = Some(status);
        }
    }
}

pub(super) fn narrow(number: u32) -> u8 {
    u8::try_from(number).expect("invariant: a history is short")
}
