//! Heartbeats: renewal of the lease, repeated orders, lost leases.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};
use taskpilot_domain::limits::{REASON_CHARS_MAX, WORKER_ITEMS_MAX};
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use super::stops::{StopFact, StopReport, facts};
use super::{AttemptRef, Verdict};
use crate::field::{FieldError, at_most, at_most_items};
use crate::open::StopCauseWord;
use crate::schema;

/// `PUT /v1/workers/{id}/heartbeat`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Heartbeat {
    /// The attempts that the worker has: everything granted by the claims up to `claimSeq` whose
    /// end was not yet answered. What is missing is released, uncounted. At most 1,000.
    pub held: Vec<AttemptRef>,
    /// The last claim whose answer the worker has; 0 before the first.
    #[serde(default)]
    pub claim_seq: u64,
    /// Stop reports, as in their own call. At most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<StopReport>,
    /// The latest word of running attempts. At most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<AttemptProgress>,
}

/// The latest word of a running attempt; each one replaces the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttemptProgress {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The token of its lease.
    #[schema(value_type = schema::Token)]
    pub token: Token,
    /// 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100)]
    pub percent: Option<u8>,
    /// One line for people; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl AttemptProgress {
    fn check(&self) -> Result<(), FieldError> {
        if self.percent.is_some_and(|percent| percent > 100) {
            return Err(FieldError::new("percent", "from 0 to 100"));
        }
        at_most("message", self.message.as_deref(), REASON_CHARS_MAX)
    }
}

/// A checked [`Heartbeat`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The attempts that the worker has.
    pub held: Vec<AttemptRef>,
    /// The last claim whose answer it has.
    pub claim_seq: u64,
    /// What became known of stops.
    pub stops: Vec<StopFact>,
    /// The latest word of running attempts.
    pub progress: Vec<AttemptProgress>,
}

impl Heartbeat {
    /// Checks every field.
    pub fn resolve(self) -> Result<Beat, FieldError> {
        at_most_items("held", &self.held, WORKER_ITEMS_MAX)?;
        at_most_items("progress", &self.progress, WORKER_ITEMS_MAX)?;
        if i64::try_from(self.claim_seq).is_err() {
            return Err(FieldError::new("claimSeq", "out of range"));
        }
        for (index, progress) in self.progress.iter().enumerate() {
            let within = |error: FieldError| error.within(&format!("progress[{index}]"));
            progress.check().map_err(within)?;
        }
        Ok(Beat {
            held: self.held,
            claim_seq: self.claim_seq,
            stops: facts("stops", self.stops)?,
            progress: self.progress,
        })
    }
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatAnswer {
    /// What is left of the stored lease in milliseconds, counted from before the heartbeat was sent.
    pub remaining_ms: u64,
    /// Every order whose receipt is not confirmed.
    pub orders: Vec<Order>,
    /// Attempts of `held` whose lease is lost: another worker may have them.
    pub lost: Vec<AttemptRef>,
    /// The verdicts on the stop reports, in their order.
    pub verdicts: Vec<Verdict>,
}

/// An order to stop an attempt; also the data of an event `stop` on the stream of orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The token of its lease: an order may overtake the answer of the claim that grants it.
    #[schema(value_type = schema::Token)]
    pub token: Token,
    /// Why.
    pub cause: StopCauseWord,
    /// From the polite signal to the kill, in milliseconds.
    pub grace_ms: u64,
    /// When the stop was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub requested_at: Option<Timestamp>,
    /// The principal that canceled the execution, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The reason that was given, for people and for the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_heartbeat_is_enough() {
        let beat: Heartbeat = serde_json::from_str(r#"{"held":[]}"#).unwrap();
        let expected = Beat {
            held: vec![],
            claim_seq: 0,
            stops: vec![],
            progress: vec![],
        };
        assert_eq!(beat.resolve(), Ok(expected));
    }

    #[test]
    fn an_order_of_an_older_scheduler_is_read() {
        let old = r#"{"executionId":1,"attempt":1,"token":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
            "cause":"USER","graceMs":5}"#;
        let order: Order = serde_json::from_str(old).unwrap();
        let said = (order.requested_at, order.requested_by, order.reason);
        assert_eq!(said, (None, None, None));
    }

    #[test]
    fn wrong_progress_is_named() {
        let text = r#"{"held":[],"progress":[{"executionId":1,"attempt":1,
            "token":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5","percent":101}]}"#;
        let beat: Heartbeat = serde_json::from_str(text).unwrap();
        assert_eq!(
            beat.resolve().map_err(|error| error.field),
            Err("progress[0].percent".into())
        );
    }
}
