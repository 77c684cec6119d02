//! Stop orders and stop records.

use std::sync::Arc;

use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence};
use taskpilot_domain::names::{Namespace, PrincipalName};
use taskpilot_domain::stop::{Containment, How, StopCause, StopEvent, StopStatus};
use taskpilot_domain::time::Timestamp;

use super::executions::ExecutionRecord;

/// How far the stop of an attempt has come. Stamps are never overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRecord {
    /// The stage.
    pub status: StopStatus,
    /// Why it was stopped.
    pub cause: StopCause,
    /// When the stop was decided.
    pub requested_at: Timestamp,
    /// When the worker had the order.
    pub delivered_at: Option<Timestamp>,
    /// When the handler was signaled.
    pub acknowledged_at: Option<Timestamp>,
    /// When the stop was proven or presumed.
    pub ended_at: Option<Timestamp>,
    /// How the work ended.
    pub how: Option<How>,
    /// What enclosed its processes; `None` until it is reported.
    pub containment: Option<Containment>,
    /// Exit code, signal, processes swept: a JSON object. What was said first stands; a later report
    /// only adds the fields that were missing.
    pub evidence: Option<Arc<str>>,
    /// The promised bound; only ever lowered. `None` for in-process handlers.
    pub stops_by: Option<Timestamp>,
    /// Who freed what it holds, where somebody did.
    pub released: Option<ReleaseRecord>,
}

/// Who took a stop on that failed, when and why; written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRecord {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: PrincipalName,
    /// Why.
    pub reason: String,
}

/// A wish to free what a stop holds that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// Whose world.
    pub namespace: Namespace,
    /// Which execution.
    pub id: ExecutionId,
    /// The reference that it must have, where one is expected.
    pub reference: Option<String>,
    /// Which attempt; the last one that was stopped where none is named.
    pub attempt: Option<AttemptNumber>,
    /// Who.
    pub actor: PrincipalName,
    /// Why.
    pub reason: String,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum ReleaseOutcome {
    /// This call freed it.
    Released(ExecutionRecord),
    /// It was released before; the first release stands.
    Already(ExecutionRecord),
    /// The stop is neither STUCK nor ABANDONED, or there is none: this is its status.
    Refused(Option<StopStatus>),
    /// There is no such execution here.
    Missing,
    /// The execution under this id has another reference.
    OtherReference,
}

/// What a worker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOrder {
    /// Which attempt, with its token.
    pub fence: Fence,
    /// Why.
    pub cause: StopCause,
    /// Time from the polite signal to the kill, in milliseconds.
    pub grace_ms: u64,
    /// When it was decided.
    pub requested_at: Timestamp,
    /// Who canceled, where somebody did.
    pub actor: Option<PrincipalName>,
    /// The reason that was given.
    pub reason: Option<String>,
}

/// What a worker reports about a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReport {
    /// Which attempt, with its token.
    pub fence: Fence,
    /// What happened: `Delivered`, `Acknowledged`, `Ended`, `GaveUp` or `Unkillable`.
    pub event: StopEvent,
    /// How long before the report it happened, in milliseconds.
    ///
    /// The engine stamps `now − ago_ms`, clamped between the previous stamp and now. A stamp that is
    /// filled after a later stage has its own lies no later than that one.
    pub ago_ms: u64,
    /// What enclosed the processes.
    pub containment: Option<Containment>,
    /// A JSON object.
    pub evidence: Option<Arc<str>>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopVerdict {
    /// It was written, or had been before.
    Recorded,
    /// No stop of an attempt with this token is known.
    Unknown,
}

/// A held attempt, as a worker names it.
pub type Held = (ExecutionId, AttemptNumber);
