//! Hand-ins: how attempts ended, as their workers report it.

use serde::{Deserialize, Serialize};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Fence, Token};
use taskpilot_domain::limits::{RESULT_BYTES_MAX, WORKER_ITEMS_MAX};
use taskpilot_domain::stop::{Containment, How};
use utoipa::ToSchema;

use super::Verdict;
use super::evidence::{EvidenceBody, FailureBody, OutputBody};
use crate::executions::{Evidence, Failure, OutputTail};
use crate::field::{FieldError, at_most_items};
use crate::json::JsonText;
use crate::schema;

/// `POST /v1/workers/{id}/results`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Results {
    /// At most 1,000 hand-ins.
    pub items: Vec<HandIn>,
}

impl Results {
    /// Checks every item.
    pub fn resolve(self) -> Result<Vec<Report>, FieldError> {
        reports("items", self.items)
    }
}

/// The verdicts on the items of a call, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdicts {
    /// One for each item.
    pub verdicts: Vec<Verdict>,
}

/// How one attempt ended. Under a token that was stopped it is also the proof of the stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandIn {
    /// The execution.
    #[schema(value_type = schema::Id)]
    pub execution_id: ExecutionId,
    /// The attempt.
    #[schema(value_type = schema::AttemptNumber)]
    pub attempt: AttemptNumber,
    /// The token of its lease.
    #[schema(value_type = schema::Token)]
    pub token: Token,
    /// How it ended.
    pub outcome: HandInOutcome,
    /// With `succeeded`: what the handler returned, at most 256 KiB; null unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JsonText>,
    /// With `failed`: the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureBody>,
    /// How long ago it ended, in milliseconds.
    #[serde(default)]
    pub ago_ms: u64,
    /// The end of its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputBody>,
    /// Exit code of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Number of the signal that ended the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// How the work ended, where the attempt was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::StoppedHow>)]
    pub how: Option<How>,
    /// What enclosed the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::WorkerContainment>)]
    pub containment: Option<Containment>,
    /// What the worker saw of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceBody>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandInOutcome {
    /// With a result.
    Succeeded,
    /// With a failure.
    Failed,
    /// Returned unbegun; does not count.
    Released,
    /// Ended by its worker for reasons of its own; does not count.
    Interrupted,
}

/// A checked [`HandIn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose attempt.
    pub fence: Fence,
    /// How it ended.
    pub ending: Ending,
    /// How long ago it ended, in milliseconds.
    pub ago_ms: u64,
    /// The end of its output, cut to its limits.
    pub output: Option<OutputTail>,
    /// Exit code of the command.
    pub exit_code: Option<i32>,
    /// Number of the signal that ended the command.
    pub signal: Option<i32>,
    /// How the work ended, where the attempt was stopped.
    pub how: Option<How>,
    /// What enclosed the processes.
    pub containment: Option<Containment>,
    /// What the worker saw of the end.
    pub evidence: Option<Evidence>,
}

/// How an attempt ended, with what belongs to that end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With a result.
    Succeeded(JsonText),
    /// With a failure, its texts cut to their limits.
    Failed(Failure),
    /// Returned unbegun; does not count.
    Released,
    /// Ended by its worker for reasons of its own; does not count.
    Interrupted,
}

impl HandIn {
    /// Checks that the fields fit the outcome. Texts for people are cut to their limits and not
    /// refused: a long error message must not cost the result of an attempt.
    pub fn resolve(self) -> Result<Report, FieldError> {
        if self.result.is_some() && self.outcome != HandInOutcome::Succeeded {
            return Err(FieldError::new("result", "only with succeeded"));
        }
        if self.error.is_some() != (self.outcome == HandInOutcome::Failed) {
            return Err(FieldError::new("error", "with failed, and only then"));
        }
        let ending = match self.outcome {
            HandInOutcome::Succeeded => Ending::Succeeded(result(self.result)?),
            HandInOutcome::Failed => Ending::Failed(self.error.unwrap_or_default().cut()),
            HandInOutcome::Released => Ending::Released,
            HandInOutcome::Interrupted => Ending::Interrupted,
        };
        Ok(Report {
            fence: Fence {
                execution: self.execution_id,
                attempt: self.attempt,
                token: self.token,
            },
            ending,
            ago_ms: self.ago_ms,
            output: self.output.map(OutputBody::cut),
            exit_code: self.exit_code,
            signal: self.signal,
            how: self.how,
            containment: self.containment,
            evidence: self.evidence.map(EvidenceBody::cut),
        })
    }
}

pub(super) fn reports(field: &str, items: Vec<HandIn>) -> Result<Vec<Report>, FieldError> {
    at_most_items(field, &items, WORKER_ITEMS_MAX)?;
    let numbered = items.into_iter().enumerate();
    numbered
        .map(|(index, item)| {
            item.resolve()
                .map_err(|error| error.within(&format!("{field}[{index}]")))
        })
        .collect()
}

fn result(result: Option<JsonText>) -> Result<JsonText, FieldError> {
    let result = result.unwrap_or_default();
    if result.byte_len() > RESULT_BYTES_MAX {
        let limit = format_args!("at most {RESULT_BYTES_MAX} bytes");
        return Err(FieldError::new("result", limit));
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FENCE: &str = r#""executionId":1,"attempt":2,"token":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5""#;

    fn resolve(fields: &str) -> Result<Report, FieldError> {
        let text = format!("{{{FENCE},{fields}}}");
        serde_json::from_str::<HandIn>(&text).unwrap().resolve()
    }

    #[test]
    fn an_outcome_has_the_fields_that_belong_to_it() {
        let ending = |fields| resolve(fields).map(|report| report.ending);
        let result = JsonText::from_text(r#"{"n":1.0}"#).unwrap();
        assert_eq!(
            ending(r#""outcome":"succeeded","result":{"n":1.0}"#),
            Ok(Ending::Succeeded(result))
        );
        assert_eq!(
            ending(r#""outcome":"failed","error":{"code":"x"}"#),
            Ok(Ending::Failed(Failure {
                code: "x".into(),
                message: String::new(),
                retryable: true
            }))
        );
        assert_eq!(ending(r#""outcome":"released""#), Ok(Ending::Released));
        for (fields, field) in [
            (r#""outcome":"failed""#, "error"),
            (r#""outcome":"released","result":1"#, "result"),
            (r#""outcome":"succeeded","error":{"code":"x"}"#, "error"),
        ] {
            let wrong = ending(fields).map_err(|error| error.field);
            assert_eq!(wrong, Err(field.to_owned()), "{fields}");
        }
    }

    #[test]
    fn a_long_result_is_refused() {
        let result = "x".repeat(RESULT_BYTES_MAX);
        let wrong = resolve(&format!(r#""outcome":"succeeded","result":"{result}""#));
        assert_eq!(wrong.map_err(|error| error.field), Err("result".into()));
    }
}
