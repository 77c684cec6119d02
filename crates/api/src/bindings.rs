//! The request to bind a task, and why a binding failed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse};
use crate::options::{BackoffBody, ExecutionOptionsBody};
use crate::schema;
use crate::tasks::NewBinding;

/// `POST /api/tasks/{id}/scheduler`; the body may be absent.
///
/// The options are written out: `serde(flatten)` cannot refuse unknown fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BindTask {
    /// The type that the scheduler is asked for, instead of the task's.
    #[schema(value_type = Option<schema::TaskType>)]
    pub scheduler_type: Option<String>,
    /// The queue it waits in; `default` unless told otherwise.
    #[schema(value_type = Option<schema::Name>)]
    pub queue: Option<String>,
    /// From −10 to 10, higher first; 0 unless told otherwise.
    #[schema(value_type = Option<schema::Priority>)]
    pub priority: Option<i64>,
    /// Not before this instant, at most ten years ahead; at acceptance unless told otherwise.
    #[schema(value_type = Option<schema::Instant>)]
    pub scheduled_for: Option<String>,
    /// Counted attempts, 1 to 100; 3 unless told otherwise.
    pub max_attempts: Option<i64>,
    /// The wait between attempts.
    #[serde(deserialize_with = "crate::object::maybe")]
    pub backoff: Option<BackoffBody>,
    /// Longest run of one attempt in milliseconds, up to 30 days; no limit unless told otherwise.
    pub attempt_timeout_ms: Option<i64>,
    /// The execution fails at this instant if it has not ended; later than `scheduledFor`.
    #[schema(value_type = Option<schema::Instant>)]
    pub deadline: Option<String>,
    /// From the polite signal of a stop to the kill, in milliseconds, up to ten minutes; 10,000
    /// unless told otherwise.
    pub cancel_grace_ms: Option<i64>,
    /// Whether its cancel also cancels what is below it, as a cancel with `cascade` does; no unless
    /// told otherwise.
    pub cancel_children: Option<bool>,
}

impl BindTask {
    /// Checks every field that needs no clock.
    pub fn resolve(self) -> Result<NewBinding, FieldError> {
        let scheduler_type = self.scheduler_type.as_deref();
        Ok(NewBinding {
            scheduler_type: scheduler_type
                .map(|name| parse("schedulerType", name))
                .transpose()?,
            options: self.into_options().resolve()?,
        })
    }

    fn into_options(self) -> ExecutionOptionsBody {
        ExecutionOptionsBody {
            queue: self.queue,
            priority: self.priority,
            scheduled_for: self.scheduled_for,
            max_attempts: self.max_attempts,
            backoff: self.backoff,
            attempt_timeout_ms: self.attempt_timeout_ms,
            deadline: self.deadline,
            cancel_grace_ms: self.cancel_grace_ms,
            cancel_children: self.cancel_children,
        }
    }
}

/// Why the last try to bind a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindError {
    /// A code of the error registry, or `unknown_outcome` where an operator must look.
    pub code: String,
    /// What happened, for people.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reaches_the_binding() {
        let options = r#""queue":"mail","priority":2,"scheduledFor":"2030-01-01T00:00:00.000Z",
            "maxAttempts":5,"backoff":{"initialMs":10},"attemptTimeoutMs":1000,
            "deadline":"2031-01-01T00:00:00.000Z","cancelGraceMs":7,"cancelChildren":true"#;
        let bind: BindTask =
            serde_json::from_str(&format!(r#"{{"schedulerType":"demo-slow",{options}}}"#)).unwrap();
        let body: ExecutionOptionsBody = serde_json::from_str(&format!("{{{options}}}")).unwrap();
        let expected = NewBinding {
            scheduler_type: "demo-slow".parse().ok(),
            options: body.resolve().unwrap(),
        };
        assert_eq!(bind.resolve(), Ok(expected));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<BindTask>(r#"{"schedulertype":"x"}"#).is_err());
    }
}
