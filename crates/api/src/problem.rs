//! Problem documents (RFC 9457): the body of every answer that is not a success.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errors::ErrorCode;

/// Whether the command of a failed call may have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not.
    NotApplied,
    /// Nobody knows: at least one try got no answer.
    Unknown,
}

/// An error as `application/problem+json`.
///
/// Reading tolerates what others leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Problem {
    /// A stable URI per code, such as `urn:taskpilot:error:task_not_bound`.
    pub r#type: String,
    /// What kind of problem it is; the same for every problem of its code.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// A code of the registry.
    pub code: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The `X-Request-Id` of the answer, as it stands in the log.
    pub request_id: String,
    /// Whether the command may have been applied; where the scheduler was involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The field, header or parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// A problem of `code` with the registry's answers; the server adds where it happened.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            r#type: code.uri(),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().to_owned(),
            retryable: code.is_retryable(),
            ..Self::default()
        }
    }

    /// The code, where this version knows it.
    pub fn error_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_code(&self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_its_text_and_half_of_one_is_read() {
        let problem = Problem {
            outcome: Some(Outcome::Unknown),
            ..Problem::new(ErrorCode::SchedulerUnavailable, "no answer")
        };
        let text = serde_json::to_string(&problem).unwrap();
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
        let half: Problem = serde_json::from_str(r#"{"status":409,"x":1}"#).unwrap();
        assert_eq!((half.status, half.error_code()), (409, None));
    }
}
