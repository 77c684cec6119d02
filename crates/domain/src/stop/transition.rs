//! The status machine of a stop: it only moves forward, and later facts only fill what is empty.

use super::status::{How, StopStatus};

/// What became known about the end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopEvent {
    /// The worker has the order.
    Delivered,
    /// The handler has been signaled.
    Acknowledged,
    /// The worker proved the end: by a stop report, or by a final report under the same token.
    Ended(How),
    /// The lease is over and nobody reported: goodbye without proof, or an expired session.
    WorkerGone,
    /// In-process code ignored its token beyond the grace.
    GaveUp,
    /// SIGKILL did not end the tree.
    Unkillable,
    /// The promised bound passed while the session lives.
    Overdue,
    /// An operator takes it on: what the stop holds shall be free although nothing is proven.
    ReleasedByOperator,
}

impl StopEvent {
    /// One event of every kind.
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Acknowledged,
        Self::Ended(How::Terminated),
        Self::WorkerGone,
        Self::GaveUp,
        Self::Unkillable,
        Self::Overdue,
        Self::ReleasedByOperator,
    ];

    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "Delivered",
            Self::Acknowledged => "Acknowledged",
            Self::Ended(_) => "Ended",
            Self::WorkerGone => "WorkerGone",
            Self::GaveUp => "GaveUp",
            Self::Unkillable => "Unkillable",
            Self::Overdue => "Overdue",
            Self::ReleasedByOperator => "ReleasedByOperator",
        }
    }
}

/// What an event does to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopChange {
    /// The status moves; empty stamps of the stages that were passed are filled.
    Moved(StopStatus),
    /// The status stands; an empty stamp or missing evidence is filled.
    Evidence,
    /// The status stands, and what it held is free from now on.
    Released,
    /// The status does not allow it.
    Refused,
    /// Nothing changes.
    NoOp,
}

/// Decides what `event` does to a stop that stands at `status`.
pub fn advance(status: StopStatus, event: StopEvent) -> StopChange {
    match event {
        StopEvent::Delivered => forward(status, StopStatus::Delivered),
        StopEvent::Acknowledged => forward(status, StopStatus::Acknowledged),
        StopEvent::GaveUp => unless_ended(status, StopStatus::Abandoned),
        StopEvent::Unkillable | StopEvent::Overdue => unless_ended(status, StopStatus::Stuck),
        StopEvent::Ended(_) => settle(status, StopStatus::Stopped),
        StopEvent::WorkerGone => settle(status, StopStatus::Presumed),
        StopEvent::ReleasedByOperator => release(status),
    }
}

/// A stage of an order that is still on its way: a stage that comes late is evidence.
fn forward(status: StopStatus, stage: StopStatus) -> StopChange {
    match status {
        StopStatus::NotNeeded => StopChange::NoOp,
        StopStatus::Requested | StopStatus::Delivered | StopStatus::Acknowledged => {
            if status < stage {
                StopChange::Moved(stage)
            } else {
                StopChange::NoOp
            }
        }
        StopStatus::Abandoned | StopStatus::Stuck | StopStatus::Presumed | StopStatus::Stopped => {
            StopChange::Evidence
        }
    }
}

/// A failure to stop: the first one that was found stands.
fn unless_ended(status: StopStatus, failure: StopStatus) -> StopChange {
    match status {
        StopStatus::Requested | StopStatus::Delivered | StopStatus::Acknowledged => {
            StopChange::Moved(failure)
        }
        StopStatus::NotNeeded
        | StopStatus::Abandoned
        | StopStatus::Stuck
        | StopStatus::Presumed
        | StopStatus::Stopped => StopChange::NoOp,
    }
}

/// Only what a worker could not end is an operator's to take on: everything else ends by itself, or
/// becomes one of these.
fn release(status: StopStatus) -> StopChange {
    match status {
        StopStatus::Abandoned | StopStatus::Stuck => StopChange::Released,
        StopStatus::NotNeeded
        | StopStatus::Requested
        | StopStatus::Delivered
        | StopStatus::Acknowledged
        | StopStatus::Presumed
        | StopStatus::Stopped => StopChange::Refused,
    }
}

/// An end of the stop. PRESUMED stays so: a proof that comes later is kept as evidence only, and
/// so is the stop report that follows a final report which was the proof already.
fn settle(status: StopStatus, end: StopStatus) -> StopChange {
    match status {
        StopStatus::NotNeeded => StopChange::NoOp,
        StopStatus::Presumed | StopStatus::Stopped => match end {
            StopStatus::Stopped => StopChange::Evidence,
            StopStatus::NotNeeded
            | StopStatus::Requested
            | StopStatus::Delivered
            | StopStatus::Acknowledged
            | StopStatus::Abandoned
            | StopStatus::Stuck
            | StopStatus::Presumed => StopChange::NoOp,
        },
        StopStatus::Requested
        | StopStatus::Delivered
        | StopStatus::Acknowledged
        | StopStatus::Abandoned
        | StopStatus::Stuck => StopChange::Moved(end),
    }
}
