//! What a function knows of its attempt, and what it can say while it runs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Deserialize;
use taskpilot_api::workers::Grant;
use taskpilot_domain::limits::REASON_CHARS_MAX;
use tokio_util::sync::CancellationToken;

use super::function::Failure;
use crate::cleanup_of::CleanupOf;
use crate::notice::StopNotice;

/// One attempt, as its handler sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    grant: Arc<Grant>,
    cleanup_of: Option<Arc<CleanupOf>>,
    halt: Halt,
    progress: ProgressCell,
}

/// Why an attempt shall end before its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The scheduler ordered it: it was canceled, or its time is over.
    Ordered,
    /// The worker ends.
    Shutdown,
    /// The worker has lost the attempt, or is about to: its scheduler cannot be reached.
    LeaseLost,
}

impl Context {
    pub(crate) fn new(grant: Grant, halt: Halt, progress: ProgressCell) -> Self {
        let cleanup_of = grant.cleanup_of.as_ref().map(CleanupOf::from);
        Self {
            grant: Arc::new(grant),
            cleanup_of: cleanup_of.map(Arc::new),
            halt,
            progress,
        }
    }

    /// The number of the execution: the same for all its attempts.
    pub fn execution_id(&self) -> i64 {
        self.grant.execution_id.get()
    }

    /// The number of the attempt, from 1; it only rises.
    pub fn attempt(&self) -> u32 {
        self.grant.attempt.0
    }

    /// The type of the task.
    pub fn kind(&self) -> &str {
        &self.grant.r#type
    }

    /// The creator's opaque reference, if there is one.
    pub fn reference(&self) -> Option<&str> {
        self.grant.reference.as_deref()
    }

    /// The payload as a `T`. What does not fit fails the attempt without a retry.
    pub fn payload<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        let payload = self.grant.payload.read();
        payload.map_err(|error| Failure::lasting("invalid_payload", error.to_string()))
    }

    /// The payload as the JSON text that was sent.
    pub fn payload_text(&self) -> &str {
        self.grant.payload.as_str()
    }

    /// The canceled execution that this attempt cleans up after; `None` where it is no cleanup. A
    /// cleanup is an execution of its own: the other numbers here are its own.
    pub fn cleanup_of(&self) -> Option<&CleanupOf> {
        self.cleanup_of.as_deref()
    }

    /// Canceled as soon as the attempt shall end. Whoever ignores it for longer than the grace is
    /// reported as abandoned.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.halt.token
    }

    /// Why it shall end, once it shall.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.halt.told.get().map(|(reason, _)| *reason)
    }

    /// Who wanted it to end and why, once it shall: the cause, and of a cancel the principal and the
    /// reason.
    pub fn stop_notice(&self) -> Option<&StopNotice> {
        self.halt.told.get().map(|(_, notice)| &**notice)
    }

    /// Says how far it is; the latest word is what is shown. Percents above 100 are 100, and a
    /// message has at most 500 characters, the rest is cut.
    pub fn report_progress(&self, percent: Option<u8>, message: Option<&str>) {
        self.progress.set(percent, message);
    }
}

/// The token of an attempt, and why it was canceled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halt {
    token: CancellationToken,
    told: Arc<OnceLock<(StopReason, Arc<StopNotice>)>>,
}

impl Halt {
    /// Tells the handler; the first reason stays.
    pub(crate) fn tell(&self, reason: StopReason, notice: Arc<StopNotice>) {
        let _ = self.told.set((reason, notice));
        self.token.cancel();
    }
}

/// The latest word of a handler on how far it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressCell {
    latest: Arc<Mutex<Progress>>,
}

/// One word on how far a handler is; a later one has a higher number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) number: u64,
    pub(crate) percent: Option<u8>,
    pub(crate) message: Option<String>,
}

impl ProgressCell {
    pub(crate) fn set(&self, percent: Option<u8>, message: Option<&str>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.number += 1;
        latest.percent = percent.map(|percent| percent.min(100));
        // Not every database keeps a NUL in a text.
        let cut = |message: &str| {
            let message = message.chars().take(REASON_CHARS_MAX);
            message.filter(|one| *one != '\0').collect()
        };
        latest.message = message.map(cut);
    }

    /// The latest word, if it is a later one than that number.
    pub(crate) fn after(&self, number: u64) -> Option<Progress> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        (latest.number > number).then(|| latest.clone())
    }
}
