//! What must hold in every state.

use std::collections::BTreeMap;

use stateright::Property;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::execution::{AttemptEnd, State};
use taskpilot_domain::stop::StopStatus;

use super::bounds::Topic;
use super::message::{Fence, Fences};
use super::scheduler::Attempt;
use super::world::{Intent, TaskPilot, World};

/// A guarantee that the model watches; the numbers are those of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// I3: only legal transitions, one final outcome.
    OnlyLegalTransitions,
    /// I4: at most one valid fence.
    OneValidFence,
    /// I5: stale messages change nothing.
    StaleMessagesChangeNothing,
    /// I6: after a cancel returned no lease is granted and no result becomes the outcome.
    NothingAfterACancel,
    /// I8: counted attempts stay within the policy.
    CountedWithinThePolicy,
    /// I14: a bound task has one execution, written once.
    OneExecutionPerTask,
    /// I15: a cancel that was promised is never lost and never undone.
    ACancelIsKept,
    /// I18: attempts of one execution never overlap, but after a presumption.
    NoOverlap,
    /// What is STOPPED does not run.
    StoppedIsTrue,
    /// What was given back unbegun does not run.
    GivenBackIsTrue,
    /// Work that asks begins only when it was told that it may.
    NothingUnconfirmed,
    /// Nothing begins below a closed tree, and nothing is left there.
    AClosedTreeIsClosed,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::OnlyLegalTransitions,
        Self::OneValidFence,
        Self::StaleMessagesChangeNothing,
        Self::NothingAfterACancel,
        Self::CountedWithinThePolicy,
        Self::OneExecutionPerTask,
        Self::ACancelIsKept,
        Self::NoOverlap,
        Self::StoppedIsTrue,
        Self::GivenBackIsTrue,
        Self::NothingUnconfirmed,
        Self::AClosedTreeIsClosed,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnlyLegalTransitions => "I3 only legal transitions, one final outcome",
            Self::OneValidFence => "I4 at most one valid fence",
            Self::StaleMessagesChangeNothing => "I5 stale messages change nothing",
            Self::NothingAfterACancel => "I6 nothing begins or ends it after a cancel",
            Self::CountedWithinThePolicy => "I8 counted attempts are within the policy",
            Self::OneExecutionPerTask => "I14 a bound task has one execution",
            Self::ACancelIsKept => "I15 a promised cancel is kept",
            Self::NoOverlap => "I18 attempts do not overlap, but after a presumption or a release",
            Self::StoppedIsTrue => "what is STOPPED does not run",
            Self::GivenBackIsTrue => "what was given back unbegun does not run",
            Self::NothingUnconfirmed => "what asks begins only when it may",
            Self::AClosedTreeIsClosed => "a closed tree is closed",
        }
    }

    pub(super) fn property(self) -> Property<TaskPilot> {
        let condition: fn(&TaskPilot, &World) -> bool = match self {
            Self::OnlyLegalTransitions => |_, world| !world.broken.has(Self::OnlyLegalTransitions),
            Self::OneValidFence => |_, world| world.has_one_valid_fence(),
            Self::StaleMessagesChangeNothing => {
                |_, world| !world.broken.has(Self::StaleMessagesChangeNothing)
            }
            Self::NothingAfterACancel => |_, world| !world.broken.has(Self::NothingAfterACancel),
            Self::CountedWithinThePolicy => |model, world| world.counts_within(model),
            Self::OneExecutionPerTask => |_, world| world.has_one_execution(),
            Self::ACancelIsKept => |_, world| world.keeps_cancels(),
            Self::NoOverlap => |_, world| world.has_no_overlap(),
            Self::StoppedIsTrue => |_, world| world.stopped_is_true(),
            Self::GivenBackIsTrue => |_, world| world.given_back_is_true(),
            Self::NothingUnconfirmed => {
                |model, world| model.bounds.topic != Topic::Starts || world.begins_confirmed_alone()
            }
            Self::AClosedTreeIsClosed => |_, world| {
                !world.broken.has(Self::AClosedTreeIsClosed) && world.has_its_tree_closed()
            },
        };
        Property::always(self.name(), condition)
    }
}

/// What was seen to be broken on the way to a state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Broken(u16);

impl Broken {
    pub(super) fn note(&mut self, promise: Promise) {
        self.0 |= 1 << promise as u16;
    }

    fn has(self, promise: Promise) -> bool {
        self.0 & (1 << promise as u16) != 0
    }
}

impl World {
    pub(super) fn any_attempt(&self, wanted: impl Fn(&Attempt) -> bool) -> bool {
        self.scheduler
            .attempts()
            .any(|(_, attempt)| wanted(attempt))
    }

    pub(super) fn any_execution(&self, state: State) -> bool {
        self.scheduler
            .executions
            .iter()
            .any(|one| one.state == state)
    }

    /// One row is open while it runs and none otherwise, and no two lives were given one fence.
    fn has_one_valid_fence(&self) -> bool {
        let open_as_it_runs = self.scheduler.executions.iter().all(|execution| {
            let open = execution.attempts.iter().filter(|one| one.end.is_none());
            open.count() == usize::from(execution.state == State::Running)
        });
        let mut given = Fences::default();
        let mut held = self.workers.iter().flat_map(|worker| {
            let mut fences = worker.alive();
            for one in &worker.held {
                fences.insert(one.fence);
            }
            fences.iter().collect::<Vec<_>>()
        });
        open_as_it_runs
            && held.all(|fence| {
                let is_new = !given.contains(fence);
                given.insert(fence);
                is_new
            })
    }

    fn counts_within(&self, model: &TaskPilot) -> bool {
        self.scheduler.executions.iter().all(|execution| {
            let counted = execution.attempts.iter().filter(|one| one.counts()).count();
            counted <= usize::from(model.bounds.max_attempts)
                && counted == usize::from(execution.attempt_count)
        })
    }

    /// Whatever was made for the task is over and canceled, but for one; and that is what it says.
    fn has_one_execution(&self) -> bool {
        let made = self.scheduler.executions.iter();
        let alive = made.filter(|one| !one.is_child() && one.state != State::Canceled);
        let under_its_key = match (self.control.key, self.control.execution) {
            (Some(key), Some(execution)) => {
                self.scheduler.keys[usize::from(key)] == Some(execution)
            }
            (None, Some(_)) => false,
            (_, None) => self.control.status != TaskStatus::Bound,
        };
        alive.count() <= 1 && under_its_key && !self.broken.has(Promise::OneExecutionPerTask)
    }

    /// A cancel that was promised has been carried out, or is still owed where no crash forgets it.
    fn keeps_cancels(&self) -> bool {
        (0..2_u8).all(|key| {
            let place = usize::from(key);
            let is_owed = self.control.key == Some(key) && self.control.intent == Intent::Owed;
            let is_over = self.scheduler.keys[place]
                .is_some_and(|id| self.scheduler.execution(id).state.is_final());
            let is_owed = is_owed || self.scheduler.owed.is_some();
            !self.control.promised[place] || is_owed || is_over
        })
    }

    /// Pairs of attempts of one execution whose work runs at the same time, the earlier one first.
    pub(super) fn overlaps(&self) -> impl Iterator<Item = (Fence, Fence)> {
        let alive: Vec<Fence> = self
            .workers
            .iter()
            .flat_map(|worker| worker.alive().iter())
            .collect();
        let mut by_execution: BTreeMap<u8, Vec<Fence>> = BTreeMap::new();
        for fence in alive {
            by_execution.entry(fence.execution).or_default().push(fence);
        }
        by_execution.into_values().flat_map(|mut fences| {
            fences.sort_unstable();
            let pairs = fences.windows(2).map(|pair| (pair[0], pair[1]));
            pairs.collect::<Vec<_>>()
        })
    }

    /// Only what nobody could end may still run: a function whose stop is presumed, or whose lease
    /// is over; and what an operator has taken on because its stop has failed.
    fn has_no_overlap(&self) -> bool {
        self.overlaps().all(|(earlier, _)| {
            self.scheduler.attempt(earlier).is_some_and(|attempt| {
                let is_presumed = attempt.stop == Some(StopStatus::Presumed)
                    || attempt.end == Some(AttemptEnd::Lost);
                let had_failed = matches!(
                    attempt.released,
                    Some(StopStatus::Stuck | StopStatus::Abandoned)
                );
                (attempt.is_function && is_presumed) || had_failed
            })
        })
    }

    fn stopped_is_true(&self) -> bool {
        let alive = self.workers.iter().flat_map(|one| one.alive().iter());
        alive.into_iter().all(|fence| {
            let attempt = self.scheduler.attempt(fence);
            attempt.is_none_or(|attempt| attempt.stop != Some(StopStatus::Stopped))
        })
    }

    fn given_back_is_true(&self) -> bool {
        let mut alive = self.workers.iter().flat_map(|one| one.alive().iter());
        alive.all(|fence| {
            let attempt = self.scheduler.attempt(fence);
            attempt.is_none_or(|attempt| attempt.end != Some(AttemptEnd::Released))
        })
    }
}
