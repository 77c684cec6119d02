//! What a cleanup can know of the execution that was canceled: in a function's context, and for a
//! program in a file.

use serde::Serialize;
use taskpilot_api::executions::Progress;
use taskpilot_api::workers;

/// The canceled execution that an attempt cleans up after. What nobody said is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CleanupOf {
    /// The number of the canceled execution.
    pub execution_id: i64,
    /// The number of its last attempt; `None` where none ever began.
    pub attempt: Option<u32>,
    /// What the cancel was of: `USER`, `BULK` or `PARENT`. There may be more some day.
    pub cause: String,
    /// When the cancel was decided (RFC 3339).
    pub requested_at: String,
    /// The principal that canceled it.
    pub requested_by: String,
    /// The reason that was given with the cancel.
    pub reason: Option<String>,
    /// What became of the last attempt: `STOPPED` is proven, `PRESUMED` is not, and where an operator
    /// took it on `STUCK` and `ABANDONED` stand; `NOT_NEEDED` where no worker had it.
    pub stop: String,
    /// How the work ended, where that is proven: `terminated`, `killed`, `cooperative`, `finished` or
    /// `never_started`.
    pub how: Option<String>,
    /// The last word of the last attempt that said any.
    pub progress: Option<LastProgress>,
}

/// How far a canceled execution had come, as it said itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LastProgress {
    /// The number of the attempt that said so.
    pub attempt: u32,
    /// 0 to 100.
    pub percent: Option<u8>,
    /// One line for people.
    pub message: Option<String>,
    /// When the scheduler heard it (RFC 3339).
    pub at: String,
}

impl From<&workers::CleanupOf> for CleanupOf {
    fn from(of: &workers::CleanupOf) -> Self {
        Self {
            execution_id: of.execution_id.get(),
            attempt: of.attempt.map(|attempt| attempt.0),
            cause: of.cause.to_string(),
            requested_at: of.requested_at.to_string(),
            requested_by: of.requested_by.clone(),
            reason: of.reason.clone(),
            stop: of.stop.to_string(),
            how: of.how.as_ref().map(ToString::to_string),
            progress: of.progress.as_ref().map(LastProgress::from),
        }
    }
}

impl From<&Progress> for LastProgress {
    fn from(progress: &Progress) -> Self {
        Self {
            attempt: progress.attempt.0,
            percent: progress.percent,
            message: progress.message.clone(),
            at: progress.at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// As a worker hears it, and as its handlers do.
    fn told(wire: &Value) -> Value {
        let wire: workers::CleanupOf = serde_json::from_value(wire.clone()).unwrap();
        serde_json::to_value(CleanupOf::from(&wire)).unwrap()
    }

    #[test]
    fn a_handler_is_told_what_the_scheduler_said_word_for_word() {
        let whole = json!({"executionId": 7, "attempt": 2, "cause": "BULK",
            "requestedAt": "2026-03-01T12:00:00.000Z", "requestedBy": "ann", "reason": "no \"longer\"",
            "stop": "STOPPED", "how": "killed", "progress": {"attempt": 1, "percent": 40,
            "message": "half\nway", "at": "2026-03-01T11:59:59.000Z"}});
        assert_eq!(told(&whole), whole);
        let short = json!({"executionId": 7, "attempt": null, "cause": "A_WORD_OF_TOMORROW",
            "requestedAt": "2026-03-01T12:00:00.000Z", "requestedBy": "ann", "reason": null,
            "stop": "NOT_NEEDED", "how": null, "progress": null});
        assert_eq!(told(&short), short);
    }
}
