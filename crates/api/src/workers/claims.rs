//! Claims: what a worker asks for and is granted.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};
use taskpilot_domain::limits::{CLAIM_WAIT_MS_MAX, SLOTS_MAX};
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use super::hand_in::{HandIn, Report, reports};
use super::{FencedAttempt, Verdict};
use crate::executions::Progress;
use crate::field::FieldError;
use crate::json::JsonText;
use crate::open::{HowWord, StopCauseWord, StopStatusWord};
use crate::schema;

/// `POST /v1/workers/{id}/claims`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimRequest {
    /// Rises with every claim of the session, from 1; a repeat of the last one gets the same
    /// grants. One claim at a time is in flight.
    pub claim_seq: u64,
    /// Attempts it wants, at most 1,000; never more than its free slots are granted.
    pub max: u32,
    /// How long to wait for the first grant in milliseconds, at most 30,000; a claim with hand-ins
    /// does not wait.
    #[serde(default)]
    pub wait_ms: u64,
    /// Hand-ins; they commit on arrival. At most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<HandIn>,
}

/// A checked [`ClaimRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The number of the claim.
    pub claim_seq: u64,
    /// Attempts it wants.
    pub max: u32,
    /// How long to wait in milliseconds; 0 with hand-ins.
    pub wait_ms: u64,
    /// The hand-ins.
    pub reports: Vec<Report>,
}

impl ClaimRequest {
    /// Checks every field.
    pub fn resolve(self) -> Result<Claim, FieldError> {
        if self.claim_seq == 0 || i64::try_from(self.claim_seq).is_err() {
            return Err(FieldError::new("claimSeq", "at least 1"));
        }
        let reports = reports("results", self.results)?;
        let wait_ms = if reports.is_empty() { self.wait_ms } else { 0 };
        Ok(Claim {
            claim_seq: self.claim_seq,
            max: self.max.min(SLOTS_MAX),
            wait_ms: wait_ms.min(CLAIM_WAIT_MS_MAX),
            reports,
        })
    }
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimAnswer {
    /// The number of the claim that is answered.
    pub claim_seq: u64,
    /// What was granted; empty where nothing is due.
    pub grants: Vec<Grant>,
    /// The verdicts on the hand-ins, in their order.
    pub verdicts: Vec<Verdict>,
    /// What is left of the session's lease in milliseconds.
    pub remaining_ms: u64,
}

/// A granted attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The token of its lease, for every message about it.
    #[schema(value_type = schema::Token)]
    pub token: Token,
    /// What kind of work it is.
    pub r#type: String,
    /// What the handler gets.
    pub payload: JsonText,
    /// The creator's opaque reference.
    pub reference: Option<String>,
    /// The queue it came from.
    pub queue: String,
    /// Counted attempts, this one included.
    pub attempt_count: u32,
    /// Counted attempts it may have.
    pub max_attempts: u32,
    /// Longest run of the attempt in milliseconds; null is no limit.
    pub attempt_timeout_ms: Option<u64>,
    /// From the polite signal of a stop to the kill, in milliseconds.
    pub cancel_grace_ms: u64,
    /// When it was due.
    #[schema(value_type = schema::Instant)]
    pub scheduled_for: Timestamp,
    /// The execution fails at this instant if it has not ended.
    #[schema(value_type = Option<schema::Instant>)]
    pub deadline: Option<Timestamp>,
    /// The canceled execution that this one cleans up after; null where it is no cleanup. Only a worker
    /// that declared a cleanup for the type is granted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup_of: Option<CleanupOf>,
}

/// What a cleanup can know of the execution that was canceled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CleanupOf {
    /// The canceled execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// Its last attempt; null where none ever began.
    #[schema(value_type = Option<schema::AttemptNumber>)]
    pub attempt: Option<AttemptNumber>,
    /// What the cancel was of: `USER`, `BULK` or `PARENT`.
    pub cause: StopCauseWord,
    /// When the cancel was decided.
    #[schema(value_type = schema::Instant)]
    pub requested_at: Timestamp,
    /// The principal.
    pub requested_by: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// What became of the last attempt: `STOPPED` is proven, `PRESUMED` is not, and after a release
    /// `STUCK` and `ABANDONED` stand; `NOT_NEEDED` where nothing was leased.
    pub stop: StopStatusWord,
    /// How the work ended, where that is proven.
    pub how: Option<HowWord>,
    /// The last word of the last attempt that said any.
    pub progress: Option<Progress>,
}

impl Grant {
    /// What its messages must carry.
    pub fn fenced(&self) -> FencedAttempt {
        FencedAttempt {
            execution_id: self.execution_id,
            attempt: self.attempt,
            token: self.token,
        }
    }
}
