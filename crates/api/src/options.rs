//! Options of an execution on the wire: all optional, each named where it is wrong.

use serde::{Deserialize, Serialize};
use taskpilot_domain::names::QueueName;
use taskpilot_domain::options::{ExecutionOptions, Priority};
use taskpilot_domain::retry::{Backoff, RetryPolicy};
use utoipa::ToSchema;

use crate::field::{FieldError, parse};
use crate::schema;

/// How an execution is to be run; what is absent or null has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionOptionsBody {
    /// The queue it waits in; `default` unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    pub queue: Option<String>,
    /// From −10 to 10, higher first; 0 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Priority>)]
    pub priority: Option<i64>,
    /// Not before this instant, at most ten years ahead; at acceptance unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub scheduled_for: Option<String>,
    /// Counted attempts, 1 to 100; 3 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<i64>,
    /// The wait between attempts.
    #[serde(
        default,
        deserialize_with = "crate::object::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub backoff: Option<BackoffBody>,
    /// Longest run of one attempt in milliseconds, up to 30 days; no limit unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_timeout_ms: Option<i64>,
    /// The execution fails at this instant if it has not ended; later than `scheduledFor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>)]
    pub deadline: Option<String>,
    /// From the polite signal of a stop to the kill, in milliseconds, up to ten minutes; 10,000
    /// unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_grace_ms: Option<i64>,
    /// Whether its cancel also cancels what is below it, as a cancel with `cascade` does; no unless
    /// told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_children: Option<bool>,
}

/// Exponential back-off with full jitter: the wait is drawn between 0 and the bound.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackoffBody {
    /// Bound after the first failed attempt in milliseconds; 1,000 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ms: Option<i64>,
    /// Largest bound in milliseconds, up to one day; 60,000 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<i64>,
    /// Growth of the bound per attempt, 1 to 10; 2 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
}

impl ExecutionOptionsBody {
    /// The options with their defaults filled in. Limits that need no clock are checked here; the
    /// caller checks the rest with [`ExecutionOptions::validate`], after a replay was ruled out: a
    /// repeated create is answered although its deadline has passed since.
    pub fn resolve(self) -> Result<ExecutionOptions, FieldError> {
        let defaults = ExecutionOptions::default();
        let instant =
            |field, text: Option<String>| text.map(|text| parse(field, &text)).transpose();
        let options = ExecutionOptions {
            queue: match self.queue {
                Some(queue) => parse::<QueueName>("queue", &queue)?,
                None => defaults.queue,
            },
            priority: number("priority", self.priority)?.map_or(defaults.priority, Priority),
            scheduled_for: instant("scheduledFor", self.scheduled_for)?,
            retry: RetryPolicy {
                max_attempts: number("maxAttempts", self.max_attempts)?
                    .unwrap_or(defaults.retry.max_attempts),
                backoff: self.backoff.unwrap_or_default().resolve()?,
            },
            attempt_timeout_ms: number("attemptTimeoutMs", self.attempt_timeout_ms)?,
            deadline: instant("deadline", self.deadline)?,
            cancel_grace_ms: number("cancelGraceMs", self.cancel_grace_ms)?
                .unwrap_or(defaults.cancel_grace_ms),
            cancel_children: self.cancel_children.unwrap_or(defaults.cancel_children),
        };
        validate_without_clock(&options)?;
        Ok(options)
    }
}

impl BackoffBody {
    fn resolve(self) -> Result<Backoff, FieldError> {
        let defaults = Backoff::default();
        let initial_ms = number("backoff.initialMs", self.initial_ms)?;
        let max_ms = number("backoff.maxMs", self.max_ms)?;
        Ok(Backoff {
            initial_ms: initial_ms.unwrap_or(defaults.initial_ms),
            max_ms: max_ms.unwrap_or(defaults.max_ms),
            factor: self.factor.unwrap_or(defaults.factor),
        })
    }
}

/// Everything but the instants, which are judged against the time of acceptance.
fn validate_without_clock(options: &ExecutionOptions) -> Result<(), FieldError> {
    let timeless = ExecutionOptions {
        scheduled_for: None,
        deadline: None,
        ..options.clone()
    };
    Ok(timeless.validate(taskpilot_domain::time::Timestamp::EPOCH)?)
}

fn number<T: TryFrom<i64>>(field: &str, value: Option<i64>) -> Result<Option<T>, FieldError> {
    value
        .map(|value| T::try_from(value).map_err(|_| FieldError::new(field, "out of range")))
        .transpose()
}

/// Writes the options out whole, as a stored request repeats them.
impl From<&ExecutionOptions> for ExecutionOptionsBody {
    fn from(options: &ExecutionOptions) -> Self {
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Self {
            queue: Some(options.queue.to_string()),
            priority: Some(options.priority.0.into()),
            scheduled_for: options.scheduled_for.map(Into::into),
            max_attempts: Some(options.retry.max_attempts.into()),
            backoff: Some(BackoffBody {
                initial_ms: Some(ms(options.retry.backoff.initial_ms)),
                max_ms: Some(ms(options.retry.backoff.max_ms)),
                factor: Some(options.retry.backoff.factor),
            }),
            attempt_timeout_ms: options.attempt_timeout_ms.map(ms),
            deadline: options.deadline.map(Into::into),
            cancel_grace_ms: Some(ms(options.cancel_grace_ms)),
            // Only a scheduler with families knows the word.
            cancel_children: options.cancel_children.then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<ExecutionOptions, FieldError> {
        serde_json::from_str::<ExecutionOptionsBody>(text)
            .unwrap()
            .resolve()
    }

    #[test]
    fn nothing_is_all_defaults() {
        assert_eq!(resolve("{}"), Ok(ExecutionOptions::default()));
        assert_eq!(resolve(r#"{"queue":null,"backoff":{}}"#), resolve("{}"));
    }

    #[test]
    fn options_survive_their_text() {
        let text = r#"{"queue":"mail","priority":-3,"scheduledFor":"2030-01-01T00:00:00.000Z",
            "maxAttempts":5,"backoff":{"initialMs":10,"maxMs":20,"factor":1.5},
            "attemptTimeoutMs":1000,"deadline":"2031-01-01T00:00:00.000Z","cancelGraceMs":0,
            "cancelChildren":true}"#;
        let options = resolve(text).unwrap();
        let again = ExecutionOptionsBody::from(&options).resolve();
        assert_eq!(again, Ok(options));
    }

    #[test]
    fn each_wrong_option_is_named() {
        for (text, field) in [
            (r#"{"queue":"a b"}"#, "queue"),
            (r#"{"priority":11}"#, "priority"),
            (r#"{"priority":1000}"#, "priority"),
            (r#"{"scheduledFor":"soon"}"#, "scheduledFor"),
            (r#"{"maxAttempts":0}"#, "maxAttempts"),
            (r#"{"maxAttempts":-1}"#, "maxAttempts"),
            (r#"{"backoff":{"maxMs":-1}}"#, "backoff.maxMs"),
            (r#"{"backoff":{"factor":0.5}}"#, "backoff"),
            (r#"{"attemptTimeoutMs":0}"#, "attemptTimeoutMs"),
            (r#"{"deadline":"1969-01-01T00:00:00Z"}"#, "deadline"),
            (r#"{"cancelGraceMs":600001}"#, "cancelGraceMs"),
        ] {
            let wrong = resolve(text).map_err(|error| error.field);
            assert_eq!(wrong, Err(field.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(serde_json::from_str::<ExecutionOptionsBody>(r#"{"que":"x"}"#).is_err());
    }
}
