//! What happens to an execution, in the past tense.

use crate::stop::{CancelCause, How, StopEvent};

/// How the fence of a worker's message compares with what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceMatch {
    /// The lease of the message is the one in force.
    Current,
    /// This token ended, and with this very outcome.
    EndedSame,
    /// This token ended otherwise, or was stopped.
    EndedOtherwise,
    /// No attempt has this token.
    Unknown,
}

impl FenceMatch {
    /// All ways to compare.
    pub const ALL: [Self; 4] = [
        Self::Current,
        Self::EndedSame,
        Self::EndedOtherwise,
        Self::Unknown,
    ];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::EndedSame => "ended the same",
            Self::EndedOtherwise => "ended otherwise",
            Self::Unknown => "unknown",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A worker takes it.
    Claimed,
    /// A worker reports a result.
    Succeeded(FenceMatch),
    /// A worker reports a failure.
    AttemptFailed {
        /// Whose failure.
        fence: FenceMatch,
        /// Whether another attempt could help.
        retryable: bool,
    },
    /// The worker said goodbye with the attempt still open.
    WorkerGone,
    /// The lease ended without renewal.
    LeaseExpired,
    /// The worker returns the attempt unbegun.
    Released(FenceMatch),
    /// The worker ended the attempt for reasons of its own: shutdown, or a scheduler out of reach.
    Interrupted(FenceMatch),
    /// The attempt ran longer than it may.
    AttemptTimedOut,
    /// The execution's deadline passed.
    DeadlinePassed,
    /// Somebody wants it canceled, alone or with others.
    CancelRequested(CancelCause),
}

impl Event {
    /// Every event, a fenced one once for each way to compare its fence, a cancel once for each
    /// cause.
    pub fn all() -> impl Iterator<Item = Self> {
        let failed = |retryable| move |fence| Self::AttemptFailed { fence, retryable };
        let fences = FenceMatch::ALL;
        std::iter::once(Self::Claimed)
            .chain(fences.map(Self::Succeeded))
            .chain(fences.map(failed(true)))
            .chain(fences.map(failed(false)))
            .chain(fences.map(Self::Released))
            .chain(fences.map(Self::Interrupted))
            .chain([
                Self::WorkerGone,
                Self::LeaseExpired,
                Self::AttemptTimedOut,
                Self::DeadlinePassed,
            ])
            .chain(CancelCause::ALL.map(Self::CancelRequested))
    }

    /// How the fence of the message compares; `None` for what no worker's message says.
    pub fn fence(self) -> Option<FenceMatch> {
        match self {
            Self::Succeeded(fence)
            | Self::AttemptFailed { fence, .. }
            | Self::Released(fence)
            | Self::Interrupted(fence) => Some(fence),
            Self::Claimed
            | Self::WorkerGone
            | Self::LeaseExpired
            | Self::AttemptTimedOut
            | Self::DeadlinePassed
            | Self::CancelRequested(_) => None,
        }
    }

    /// What this event proves about an open stop of the attempt that it speaks of, whatever it
    /// does to the execution; to be given to [`stop::advance`](crate::stop::advance).
    ///
    /// A final report under a canceled token is also the proof of its stop. `reported` is how the
    /// worker says that the work ended; without it, an interrupted attempt was terminated by its
    /// worker, a released one never began, and any other ran to its own end.
    pub fn about_stop(self, reported: Option<How>) -> Option<StopEvent> {
        let (fence, unless_reported) = match self {
            Self::Succeeded(fence) | Self::AttemptFailed { fence, .. } => (fence, How::Finished),
            Self::Released(fence) => (fence, How::NeverStarted),
            Self::Interrupted(fence) => (fence, How::Terminated),
            Self::WorkerGone | Self::LeaseExpired => return Some(StopEvent::WorkerGone),
            Self::Claimed
            | Self::AttemptTimedOut
            | Self::DeadlinePassed
            | Self::CancelRequested(_) => return None,
        };
        match fence {
            FenceMatch::Current | FenceMatch::EndedOtherwise => {
                Some(StopEvent::Ended(reported.unwrap_or(unless_reported)))
            }
            // What ended by its own report was never stopped; an unknown token proves nothing.
            FenceMatch::EndedSame | FenceMatch::Unknown => None,
        }
    }

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claimed => "Claimed",
            Self::Succeeded(_) => "Succeeded",
            Self::AttemptFailed {
                retryable: true, ..
            } => "AttemptFailed (retryable)",
            Self::AttemptFailed {
                retryable: false, ..
            } => "AttemptFailed (final)",
            Self::WorkerGone => "WorkerGone",
            Self::LeaseExpired => "LeaseExpired",
            Self::Released(_) => "Released",
            Self::Interrupted(_) => "Interrupted",
            Self::AttemptTimedOut => "AttemptTimedOut",
            Self::DeadlinePassed => "DeadlinePassed",
            Self::CancelRequested(CancelCause::User) => "CancelRequested (USER)",
            Self::CancelRequested(CancelCause::Bulk) => "CancelRequested (BULK)",
            Self::CancelRequested(CancelCause::Parent) => "CancelRequested (PARENT)",
        }
    }
}
