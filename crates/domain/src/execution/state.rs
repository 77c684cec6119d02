//! States and phases of an execution, and the part of it that decisions depend on.

use serde::{Deserialize, Serialize};

use crate::ids::AttemptNumber;
use crate::retry::RetryPolicy;
use crate::text::read_back;
use crate::time::Timestamp;

/// The public state. The last three are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Waiting; its [`Phase`] says for what.
    Pending,
    /// An attempt holds a lease.
    Running,
    /// Ended with a result.
    Succeeded,
    /// Ended with an error and no attempt left.
    Failed,
    /// Canceled, whatever still runs.
    Canceled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
        }
    }

    /// Whether no event changes it any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Canceled => true,
        }
    }
}

/// What a PENDING execution waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Its time has not come.
    Scheduled,
    /// A worker.
    Ready,
    /// The end of a back-off.
    BackingOff,
    /// Something that holds it back: see [`BlockedBy`].
    Blocked,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 4] = [
        Self::Scheduled,
        Self::Ready,
        Self::BackingOff,
        Self::Blocked,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Ready => "READY",
            Self::BackingOff => "BACKING_OFF",
            Self::Blocked => "BLOCKED",
        }
    }
}

/// What holds a BLOCKED execution back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockedBy {
    /// Its queue is paused.
    Paused,
    /// Its queue runs as many as it may.
    Limit,
    /// The stop of an earlier attempt is not proven.
    StopUnproven,
}

impl BlockedBy {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Paused, Self::Limit, Self::StopUnproven];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Limit => "limit",
            Self::StopUnproven => "stop_unproven",
        }
    }
}

/// What the user's view calls the way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetryState {
    /// Waiting for its first attempt.
    Queued,
    /// An attempt runs.
    InProgress,
    /// Waiting for another attempt.
    WaitingForRetry,
    /// Succeeded.
    Completed,
    /// Canceled.
    Canceled,
    /// Failed with no attempt left.
    Exhausted,
}

impl RetryState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::InProgress,
        Self::WaitingForRetry,
        Self::Completed,
        Self::Canceled,
        Self::Exhausted,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::WaitingForRetry => "WAITING_FOR_RETRY",
            Self::Completed => "COMPLETED",
            Self::Canceled => "CANCELED",
            Self::Exhausted => "EXHAUSTED",
        }
    }

    /// Derives it from the state and the attempts counted so far.
    pub fn of(state: State, attempt_count: u32) -> Self {
        match state {
            State::Pending if attempt_count == 0 => Self::Queued,
            State::Pending => Self::WaitingForRetry,
            State::Running => Self::InProgress,
            State::Succeeded => Self::Completed,
            State::Failed => Self::Exhausted,
            State::Canceled => Self::Canceled,
        }
    }
}

read_back! {
    State: "an execution state",
    Phase: "a phase",
    BlockedBy: "a reason to be blocked",
    RetryState: "a retry state",
}

/// The part of an execution that a decision depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// The number of its last attempt; 0 before the first.
    pub attempt: AttemptNumber,
    /// Attempts that count against the policy, the running one included.
    pub attempt_count: u32,
    /// Endings that did not count.
    pub uncounted: u32,
    /// When it was or is due.
    pub scheduled_for: Timestamp,
    /// Not claimable before this instant: `scheduled_for`, or the end of a back-off. Only rises.
    pub available_at: Timestamp,
    /// The claim commit of its first counted attempt.
    pub processing_started_at: Option<Timestamp>,
    /// Whether the stop of an earlier attempt is neither settled nor released by an operator.
    pub stop_unproven: bool,
    /// Attempts and back-off.
    pub policy: RetryPolicy,
}

impl Standing {
    /// An execution as it is accepted.
    pub fn accepted(scheduled_for: Timestamp, policy: RetryPolicy) -> Self {
        Self {
            state: State::Pending,
            attempt: AttemptNumber(0),
            attempt_count: 0,
            uncounted: 0,
            scheduled_for,
            available_at: scheduled_for,
            processing_started_at: None,
            stop_unproven: false,
            policy,
        }
    }

    /// What it waits for, and what holds it back, in a queue that may hold back what is ready.
    pub fn waits_for(
        &self,
        now: Timestamp,
        queue: Option<BlockedBy>,
    ) -> Option<(Phase, Option<BlockedBy>)> {
        let phase = self.phase(now)?;
        Some(match (phase, queue) {
            (Phase::Blocked, _) => (Phase::Blocked, Some(BlockedBy::StopUnproven)),
            (Phase::Ready, Some(by)) => (Phase::Blocked, Some(by)),
            (Phase::Ready | Phase::Scheduled | Phase::BackingOff, _) => (phase, None),
        })
    }

    /// What it waits for by itself, whatever its queue says; `None` when it does not wait.
    pub fn phase(&self, now: Timestamp) -> Option<Phase> {
        if self.state != State::Pending {
            return None;
        }
        Some(if self.stop_unproven {
            Phase::Blocked
        } else if self.available_at <= now {
            Phase::Ready
        } else if self.attempt_count > 0 {
            Phase::BackingOff
        } else {
            Phase::Scheduled
        })
    }
}
