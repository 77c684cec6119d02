//! An execution as a scheduler sends it.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::executions::{AttemptRecord, CancelRecord, Progress, StopRecord};
use crate::json::JsonText;
use crate::open::{BlockedByWord, PhaseWord, RetryStateWord, StateWord};
use crate::{schema, tolerant};

/// An execution. Only `id` and `status` are sure: a plain scheduler may send no more, and what it
/// sends in another shape counts as not sent. Ours tells all in the answer for one execution; in a
/// list whatever takes the payload, the options or the attempts to tell is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: ExecutionId,
    /// Its state.
    pub status: StateWord,
    /// What kind of work it is.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub r#type: Option<String>,
    /// What the handler gets.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = JsonText, required = false)]
    pub payload: Option<JsonText>,
    /// The creator's opaque reference, given back as it came.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub reference: Option<String>,
    /// The `Idempotency-Key` it was created with: the proof that keys are honoured.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub idempotency_key: Option<String>,
    /// The execution that it belongs to.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Id>)]
    pub parent_id: Option<ExecutionId>,
    /// The execution at the top of its tree; null where it has no parent.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Id>)]
    pub root_id: Option<ExecutionId>,
    /// The queue it waits in.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub queue: Option<String>,
    /// Its rank within queue and type.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub priority: Option<i8>,
    /// Attempts that count, the running one included.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub attempt_count: Option<u32>,
    /// Counted attempts it may have.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub max_attempts: Option<u32>,
    /// When it can next be claimed; null unless it waits.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Instant>)]
    pub next_run_at: Option<Timestamp>,
    /// Where it is on the way to its end.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub retry_state: Option<RetryStateWord>,
    /// The last failure, in one line.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub last_error: Option<String>,
    /// When it was accepted.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Instant>)]
    pub created_at: Option<Timestamp>,
    /// When it was or is due.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Instant>)]
    pub scheduled_for: Option<Timestamp>,
    /// The claim of its first counted attempt.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Instant>)]
    pub processing_started_at: Option<Timestamp>,
    /// Its verdict, never the end of a stop.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Instant>)]
    pub completed_at: Option<Timestamp>,
    /// It fails at this instant if it has not ended.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Instant>)]
    pub deadline: Option<Timestamp>,
    /// Longest run of one attempt in milliseconds.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub attempt_timeout_ms: Option<u64>,
    /// From the polite signal of a stop to the kill, in milliseconds.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub cancel_grace_ms: Option<u64>,
    /// Whether its cancel also cancels what is below it.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub cancel_children: Option<bool>,
    /// The worker session that holds it or held it last.
    #[serde(default, deserialize_with = "tolerant::name")]
    pub worker_id: Option<String>,
    /// What its handler returned.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = JsonText, required = false)]
    pub result: Option<JsonText>,
    /// What it waits for; null unless PENDING.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub phase: Option<PhaseWord>,
    /// What holds it back; null unless BLOCKED.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub blocked_by: Option<BlockedByWord>,
    /// Who canceled it; null unless CANCELED.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub cancel: Option<CancelRecord>,
    /// The stop of its last attempt.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub stop: Option<StopRecord>,
    /// The latest word of its running attempt.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub progress: Option<Progress>,
    /// Its attempts, the first one first.
    #[serde(default, deserialize_with = "tolerant::field")]
    pub attempts: Option<Vec<AttemptRecord>>,
    /// The canceled execution that this one cleans up after; null where it is no cleanup.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(value_type = Option<schema::Id>)]
    pub cleanup_of: Option<ExecutionId>,
    /// The cleanup that is owed for it, an execution of its own; null where none is. A list tells its
    /// id and status only.
    #[serde(default, deserialize_with = "tolerant::field")]
    #[schema(no_recursion)]
    pub cleanup: Option<Box<Execution>>,
}

impl Execution {
    /// An execution of which no more is known than what a plain scheduler must say.
    pub fn plain(id: ExecutionId, status: StateWord) -> Self {
        Self {
            id,
            status,
            r#type: None,
            payload: None,
            reference: None,
            idempotency_key: None,
            parent_id: None,
            root_id: None,
            queue: None,
            priority: None,
            attempt_count: None,
            max_attempts: None,
            next_run_at: None,
            retry_state: None,
            last_error: None,
            created_at: None,
            scheduled_for: None,
            processing_started_at: None,
            completed_at: None,
            deadline: None,
            attempt_timeout_ms: None,
            cancel_grace_ms: None,
            cancel_children: None,
            worker_id: None,
            result: None,
            phase: None,
            blocked_by: None,
            cancel: None,
            stop: None,
            progress: None,
            attempts: None,
            cleanup_of: None,
            cleanup: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ExecutionId {
        ExecutionId::new(7).unwrap()
    }

    #[test]
    fn a_plain_scheduler_sends_two_fields() {
        let read: Execution = serde_json::from_str(r#"{"id":7,"status":"PAUSED"}"#).unwrap();
        assert_eq!(read, Execution::plain(id(), StateWord::from_word("PAUSED")));
    }

    #[test]
    fn another_shape_counts_as_not_sent() {
        let text = r#"{"id":7,"status":"RUNNING","priority":"high","scheduledFor":1700000000,
            "attempts":3,"workerId":12,"lastError":{"x":1},"extra":[],"stop":"yes",
            "attemptCount":2}"#;
        let expected = Execution {
            worker_id: Some("12".into()),
            attempt_count: Some(2),
            ..Execution::plain(id(), StateWord::from_word("RUNNING"))
        };
        assert_eq!(serde_json::from_str::<Execution>(text).unwrap(), expected);
    }

    #[test]
    fn an_execution_without_a_valid_id_is_refused() {
        for text in [
            r#"{"status":"PENDING"}"#,
            r#"{"id":"7","status":"PENDING"}"#,
            r#"{"id":0,"status":"PENDING"}"#,
        ] {
            assert!(serde_json::from_str::<Execution>(text).is_err(), "{text}");
        }
    }
}
