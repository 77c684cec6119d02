//! Worker sessions: one life of a worker, its lease and its slots.

use taskpilot_domain::cleanup::CleanupTerms;
use taskpilot_domain::ids::{SessionId, Token};
use taskpilot_domain::names::{Namespace, QueueName, TaskType, WorkerName};
use taskpilot_domain::slots::Slots;
use taskpilot_domain::stop::Containment;
use taskpilot_domain::time::Timestamp;

use super::attempts::{AttemptError, Exit, OutputTail};
use super::executions::Grant;
use super::stops::{Held, StopOrder, StopReport, StopVerdict};
use std::sync::Arc;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::Fence;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::stop::How;

/// A worker that registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Whose work it does.
    pub namespace: Namespace,
    /// A label for people.
    pub name: WorkerName,
    /// The queues it claims from, at least one.
    pub queues: Vec<QueueName>,
    /// The types it has handlers for, at least one.
    pub types: Vec<TaskType>,
    /// Those for whose canceled executions it cleans up, each once, with the terms.
    pub cleanups: Vec<(TaskType, CleanupTerms)>,
    /// Attempts it holds at once, at least one.
    pub slots: u32,
    /// The containment of its command attempts.
    pub containment: Containment,
    /// The proof of the session, random.
    pub token: Token,
    /// Length of its lease in milliseconds.
    pub lease_ms: u64,
}

/// Who a worker says it is. The engine compares the token before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRef {
    /// The session.
    pub id: SessionId,
    /// Its proof.
    pub token: Token,
}

/// Why a session cannot act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionGone {
    /// No session has this id and token.
    Unknown,
    /// Its lease ended, or it said goodbye; it is dead for ever.
    Ended,
}

/// One worker session, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// A label for people.
    pub name: WorkerName,
    /// The queues it claims from.
    pub queues: Vec<QueueName>,
    /// The types it has handlers for.
    pub types: Vec<TaskType>,
    /// Those for whose canceled executions it cleans up.
    pub cleanups: Vec<TaskType>,
    /// Attempts it holds at once.
    pub slots: u32,
    /// Attempts it runs.
    pub running: u32,
    /// Attempts whose stop is neither settled nor released; they hold their slots.
    pub stopping: u32,
    /// Of these, those whose stop is STUCK: while there is one the session is granted nothing.
    pub stuck: u32,
    /// Attempts whose stop is not settled and was released by an operator: they hold no slot here, and
    /// the worker may still be busy with them.
    pub released: u32,
    /// The containment of its command attempts.
    pub containment: Containment,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When it was last heard of by a heartbeat.
    pub renewed_at: Timestamp,
    /// The end of its lease.
    pub lease_until: Timestamp,
    /// When it ended, by goodbye or expiry.
    pub ended_at: Option<Timestamp>,
}

impl SessionRecord {
    /// What it holds.
    pub fn held(&self) -> Slots {
        Slots {
            slots: self.slots,
            running: self.running,
            stopping: self.stopping,
            stuck: self.stuck,
        }
    }
}

/// What a worker says about an attempt it held.
#[derive(Debug, Clone, PartialEq)]
pub enum HandInOutcome {
    /// It ended with a result (JSON text).
    Succeeded(Arc<str>),
    /// It failed.
    Failed {
        /// Why.
        error: AttemptError,
        /// Whether another attempt could help.
        retryable: bool,
    },
    /// It was never begun.
    Released,
    /// The worker ended it for reasons of its own.
    Interrupted,
}

/// A hand-in: the end of an attempt under its fence.
#[derive(Debug, Clone, PartialEq)]
pub struct HandIn {
    /// Which attempt, with its token.
    pub fence: Fence,
    /// What became of it.
    pub outcome: HandInOutcome,
    /// How its program ended.
    pub exit: Exit,
    /// What it printed last.
    pub output: Option<Arc<OutputTail>>,
    /// How the work ended, if it was being stopped: a final report is also the proof of the stop.
    pub how: Option<How>,
    /// What enclosed its processes.
    pub containment: Option<Containment>,
    /// A JSON object for the stop record.
    pub evidence: Option<Arc<str>>,
    /// How long before the report the work ended, in milliseconds; for the stamps of its stop.
    pub ago_ms: u64,
    /// The draw of a back-off, should one begin.
    pub jitter: Jitter,
}

/// The verdict on a hand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandInVerdict {
    /// It is the outcome of the attempt.
    Applied,
    /// It was so already: success for the sender.
    Duplicate,
    /// The execution was decided otherwise; the report is kept as evidence.
    Late {
        /// The verdict that stands.
        winner: State,
    },
    /// Another attempt is current, or the token is unknown.
    Stale,
}

/// A call for work.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who asks.
    pub session: SessionRef,
    /// One in flight per session; a repeat of the last one that was granted returns the same.
    pub seq: u64,
    /// A fresh token for each attempt that may be granted, at least one.
    pub tokens: Vec<Token>,
    /// Ends of earlier attempts, committed before anything is granted.
    pub hand_ins: Vec<HandIn>,
}

/// The answer to a call for work.
#[derive(Debug, Clone)]
pub enum ClaimOutcome {
    /// It was served, perhaps with nothing.
    Served {
        /// What was granted, in the order of priority.
        grants: Vec<Grant>,
        /// One verdict per hand-in, in their order.
        verdicts: Vec<HandInVerdict>,
        /// What is left of the session's lease, in milliseconds.
        remaining_ms: u64,
        /// Whether this is the last claim that was granted, once more, or one that a heartbeat has
        /// closed: it never gets anything new.
        repeat: bool,
        /// Whether it had room for more than there was to begin.
        drained: bool,
    },
    /// A later claim was granted or closed already.
    OutOfOrder,
    /// The session cannot act; hand-ins got their verdicts all the same.
    Gone {
        /// Why.
        why: SessionGone,
        /// One verdict per hand-in, in their order; empty for an unknown session.
        verdicts: Vec<HandInVerdict>,
    },
}

/// The answer to hand-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishOutcome {
    /// One verdict per item, in their order; also for a session that has ended.
    Judged(Vec<HandInVerdict>),
    /// No session has this id and token.
    UnknownSession,
}

/// A sign of life.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Who lives.
    pub session: SessionRef,
    /// The attempts it has, stops included.
    pub held: Vec<Held>,
    /// The last claim whose reply has arrived or is not waited for: an attempt of it that is not
    /// held is released, and it is granted no other.
    pub answered_seq: u64,
    /// Stop reports that travel along.
    pub stops: Vec<StopReport>,
    /// The latest words of its attempts. Kept only where the execution would be owed a cleanup, which
    /// is told the last one.
    pub progress: Vec<SaidProgress>,
    /// Length of the renewed lease in milliseconds.
    pub lease_ms: u64,
}

/// The latest word of an attempt on how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidProgress {
    /// Which attempt.
    pub attempt: Held,
    /// 0 to 100.
    pub percent: Option<u8>,
    /// One line for people.
    pub message: Option<String>,
}

/// The answer to a sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The lease is renewed.
    Renewed {
        /// What is left of the stored lease, in milliseconds.
        remaining_ms: u64,
        /// Every order that the worker has not confirmed.
        orders: Vec<StopOrder>,
        /// Held attempts that are no longer the session's.
        lost: Vec<Held>,
        /// One verdict per stop report, in their order.
        stop_verdicts: Vec<StopVerdict>,
    },
    /// The session cannot act.
    Gone(SessionGone),
}
