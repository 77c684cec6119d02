//! Cancellations: cancels of many, with what became of each.

use std::sync::Arc;

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::cancellation::{
    CancellationOutcome, CancellationStatus, MaxPerSecond, Pace, Turn,
};
use taskpilot_domain::ids::{CancellationId, ExecutionId, TaskId};
use taskpilot_domain::names::{Namespace, PrincipalName};
use taskpilot_domain::time::Timestamp;

use super::keys::KeyedRequest;

/// A cancellation to be kept.
#[derive(Debug, Clone)]
pub struct NewCancellation {
    /// Whose it is.
    pub namespace: Namespace,
    /// Who asks.
    pub requested_by: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// What it is about.
    pub target: CancellationTarget,
    /// How many items are decided per second at most; `None`: as fast as it goes.
    pub max_per_second: Option<MaxPerSecond>,
    /// Makes the create repeatable; keys of tasks are others.
    pub key: Option<KeyedRequest>,
}

/// What a cancellation is about.
#[derive(Debug, Clone)]
pub enum CancellationTarget {
    /// These tasks, each once: its items are complete with the create.
    Tasks(Vec<TaskId>),
    /// What this filter, a JSON object, holds for among the tasks that there are at the create.
    Filter(Arc<str>),
}

/// What became of a create.
#[derive(Debug, Clone, PartialEq)]
pub enum CreateCancellationOutcome {
    /// It is new.
    Created(CancellationRecord),
    /// The key stands for this one already, as it is now.
    Replayed(CancellationRecord),
    /// The key stands for another request.
    Mismatch,
}

/// A cancellation.
#[derive(Debug, Clone, PartialEq)]
pub struct CancellationRecord {
    /// Its id.
    pub id: CancellationId,
    /// Whose it is.
    pub namespace: Namespace,
    /// How far it has come.
    pub status: CancellationStatus,
    /// The create commit.
    pub requested_at: Timestamp,
    /// Who.
    pub requested_by: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// A JSON object; `None` where tasks were named.
    pub filter: Option<Arc<str>>,
    /// While it is matching: only tasks below this id are left to be looked at.
    pub match_below: Option<TaskId>,
    /// The scheduler's own time before anything of what is undecided was asked of it; `None`: nothing
    /// ever was.
    pub known_at: Option<Timestamp>,
    /// Until when, by the scheduler's time, what was asked of it may still be decided; `None`: nothing
    /// is on its way.
    pub asked_until: Option<Timestamp>,
    /// Its items.
    pub total: u64,
    /// How many of them are decided per second at most; `None`: as fast as it goes.
    pub max_per_second: Option<MaxPerSecond>,
    /// How far it is within that.
    pub pace: Pace,
    /// How many of them became what.
    pub counts: CancellationCounts,
    /// When nothing was left to do.
    pub completed_at: Option<Timestamp>,
}

impl CancellationRecord {
    /// Whether something may be done for it at `now`.
    pub fn turn(&self, now: Timestamp) -> Turn {
        self.pace.turn(self.max_per_second, now)
    }
}

/// How many items became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CancellationCounts([u64; CancellationOutcome::ALL.len()]);

impl CancellationCounts {
    /// How many became that.
    pub fn of(&self, outcome: CancellationOutcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Counts some more.
    pub fn add(&mut self, outcome: CancellationOutcome, more: u64) {
        self.0[outcome as usize] += more;
    }

    /// How many are decided.
    pub fn decided(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// One page of what a filter holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches {
    /// Where the page begins: the cancellation is still there, or nothing is kept.
    pub from: TaskId,
    /// The tasks.
    pub tasks: Vec<TaskId>,
    /// Where the next one does; `None`: there is none, and the items are complete.
    pub below: Option<TaskId>,
}

/// An item, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancellationItemRecord {
    /// The task.
    pub task: TaskId,
    /// What became of it.
    pub outcome: Option<CancellationOutcome>,
}

/// Which items to list, in the order of their ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct CancellationItemFilter {
    /// Only those of which this became.
    pub outcome: Option<CancellationOutcome>,
    /// Only above this id.
    pub after: Option<TaskId>,
    /// At most so many.
    pub limit: u32,
}

/// An item that is to be decided, with what its task is by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedItem {
    /// The task.
    pub task: TaskId,
    /// Whether a wish to cancel it while it is being bound was announced for this cancellation.
    pub intended: bool,
    /// `None`: there is no such task here.
    pub standing: Option<UndecidedStanding>,
}

/// What the task of an undecided item is by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedStanding {
    /// Its status.
    pub status: TaskStatus,
    /// Its execution.
    pub execution: Option<ExecutionId>,
    /// The reference that a cancel of its execution expects.
    pub binding_key: Option<String>,
}

/// What became of a slice of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecidedSlice {
    /// What became of each; of one that is decided already the first word stands.
    pub outcomes: Vec<(TaskId, CancellationOutcome)>,
    /// For these a wish to cancel is about to be committed.
    pub intended: Vec<TaskId>,
    /// The scheduler's time by now, where nothing of what is left was asked of it before that.
    pub known_at: Option<Timestamp>,
    /// What may be on its way after that.
    pub on_its_way: OnItsWay,
    /// The cancellation was given up, and nothing of it is on its way any more.
    pub settled: bool,
}

/// Whether what was asked of the scheduler may still be decided there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnItsWay {
    /// As before.
    #[default]
    Same,
    /// Until then, by the scheduler's time: it is about to be asked.
    Until(Timestamp),
    /// Nothing is.
    Nothing,
}

/// What became of a wish to give a cancellation up.
#[derive(Debug, Clone, PartialEq)]
pub enum GiveUpOutcome {
    /// It is given up, now or before.
    GivenUp(CancellationRecord),
    /// All its items are decided.
    Completed,
    /// There is no such cancellation here.
    Missing,
}
