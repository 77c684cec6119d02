//! The words of the stop record.

use serde::{Deserialize, Serialize};

use crate::text::read_back;

/// How far a stop has come. The order of the variants is the order in which it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopStatus {
    /// Nothing was leased when the verdict fell.
    NotNeeded,
    /// Decided; the worker has not confirmed receipt.
    Requested,
    /// The worker has the order.
    Delivered,
    /// The handler has been signaled.
    Acknowledged,
    /// In-process code ignored its token beyond the grace; it may still run.
    Abandoned,
    /// SIGKILL did not end the tree, or the promised bound passed with a live session.
    Stuck,
    /// Nobody can prove it: the lease is over and the worker gone.
    Presumed,
    /// Proven: nothing is left.
    Stopped,
}

impl StopStatus {
    /// All statuses, in their order.
    pub const ALL: [Self; 8] = [
        Self::NotNeeded,
        Self::Requested,
        Self::Delivered,
        Self::Acknowledged,
        Self::Abandoned,
        Self::Stuck,
        Self::Presumed,
        Self::Stopped,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotNeeded => "NOT_NEEDED",
            Self::Requested => "REQUESTED",
            Self::Delivered => "DELIVERED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Abandoned => "ABANDONED",
            Self::Stuck => "STUCK",
            Self::Presumed => "PRESUMED",
            Self::Stopped => "STOPPED",
        }
    }

    /// Whether the stop needs no more: slots and the way to the next attempt are free, as they are
    /// where an operator has released it.
    pub fn is_settled(self) -> bool {
        match self {
            Self::NotNeeded | Self::Presumed | Self::Stopped => true,
            Self::Requested
            | Self::Delivered
            | Self::Acknowledged
            | Self::Abandoned
            | Self::Stuck => false,
        }
    }

    /// Whether the order must still be repeated to the worker.
    ///
    /// STUCK wants it too: an overdue stop may never have been delivered, and then silence would
    /// be for ever. A worker that has the order takes a repeat as nothing new.
    pub fn wants_order(self) -> bool {
        match self {
            Self::Requested | Self::Stuck => true,
            Self::NotNeeded
            | Self::Delivered
            | Self::Acknowledged
            | Self::Abandoned
            | Self::Presumed
            | Self::Stopped => false,
        }
    }
}

/// How the work of a stopped attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By its own end; the result came too late.
    Finished,
    /// It saw its cancellation token.
    Cooperative,
    /// By SIGTERM, within the grace.
    Terminated,
    /// By SIGKILL.
    Killed,
    /// It was leased and never begun.
    NeverStarted,
}

impl How {
    /// All ways.
    pub const ALL: [Self; 5] = [
        Self::Finished,
        Self::Cooperative,
        Self::Terminated,
        Self::Killed,
        Self::NeverStarted,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Cooperative => "cooperative",
            Self::Terminated => "terminated",
            Self::Killed => "killed",
            Self::NeverStarted => "never_started",
        }
    }
}

/// Why an attempt was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopCause {
    /// A cancel of this execution.
    User,
    /// A cancel of many.
    Bulk,
    /// A cancel of its parent.
    Parent,
    /// The execution's deadline passed.
    Deadline,
    /// The attempt ran longer than it may.
    Timeout,
    /// The worker shuts down.
    Shutdown,
    /// The lease was lost.
    Lease,
}

impl StopCause {
    /// All causes.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::Bulk,
        Self::Parent,
        Self::Deadline,
        Self::Timeout,
        Self::Shutdown,
        Self::Lease,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Bulk => "BULK",
            Self::Parent => "PARENT",
            Self::Deadline => "DEADLINE",
            Self::Timeout => "TIMEOUT",
            Self::Shutdown => "SHUTDOWN",
            Self::Lease => "LEASE",
        }
    }
}

/// What a cancel was of. Nothing else that stops an attempt cancels its execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelCause {
    /// This execution.
    User,
    /// Many.
    Bulk,
    /// Its parent, with all below it.
    Parent,
}

impl CancelCause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Bulk, Self::Parent];
}

impl From<CancelCause> for StopCause {
    fn from(cause: CancelCause) -> Self {
        match cause {
            CancelCause::User => Self::User,
            CancelCause::Bulk => Self::Bulk,
            CancelCause::Parent => Self::Parent,
        }
    }
}

/// What encloses the processes of an attempt, and so how much a proof of its end is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// A control group (v2) of its own.
    Cgroup,
    /// A supervisor process to which every orphan of the tree returns.
    Subreaper,
    /// None: code inside the worker.
    InProcess,
}

impl Containment {
    /// All levels.
    pub const ALL: [Self; 3] = [Self::Cgroup, Self::Subreaper, Self::InProcess];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Subreaper => "subreaper",
            Self::InProcess => "in_process",
        }
    }
}

read_back! {
    StopStatus: "a stop status",
    How: "a way to end",
    StopCause: "a cause of a stop",
    Containment: "a containment",
}
