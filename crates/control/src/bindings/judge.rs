//! What an answer to a create says of the binding.

use serde::Deserialize;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::problem::{Outcome, Problem};
use taskpilot_client::transport::{Answer, NoAnswer};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_server::error::ApiError;

use crate::scheduler::translate::{Asked, SchedulerFailure, success};

/// In which form a create was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// With its key, which makes it repeatable.
    Extended,
    /// Without: it is sent once.
    Plain,
}

/// What is to become of a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This is the execution.
    Accepted(ExecutionId),
    /// The scheduler refused for good.
    Refused(Refusal),
    /// The key is too old to tell whether it was used.
    Lost(SchedulerFailure),
    /// Send it again, later.
    Again(SchedulerFailure),
    /// It may have been carried out, and cannot be sent again.
    Unknown(SchedulerFailure),
}

/// A create that will never be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the scheduler answered.
    pub(crate) failure: SchedulerFailure,
    /// The option at fault, where the scheduler named one.
    pub(crate) field: Option<&'static str>,
}

impl Refusal {
    /// Nothing was sent: without its parent an execution would be somebody else's work, which no cancel of
    /// the parent reaches.
    pub(crate) fn no_families() -> Self {
        Self {
            failure: SchedulerFailure::not_offered("parents of executions"),
            field: None,
        }
    }

    /// What the caller whose options these are is told.
    pub(crate) fn told(&self) -> ApiError {
        let Some(field) = self.field else {
            return self.failure.told(Asked::Other);
        };
        let outcome = if self.failure.is_unknown() {
            Outcome::Unknown
        } else {
            Outcome::NotApplied
        };
        ApiError::new(ErrorCode::InvalidBody, OPTION_REFUSED)
            .field(field)
            .outcome(outcome)
            .caused_by(self.failure.cause())
    }

    /// The code that the task keeps of it, with a text for people.
    pub(crate) fn code_and_detail(&self) -> (ErrorCode, String) {
        let Some(field) = self.field else {
            let (code, detail) = self.failure.code_and_detail();
            return (code, detail.to_owned());
        };
        let detail = format!("The scheduler does not accept the option {field}.");
        (ErrorCode::InvalidBody, detail)
    }
}

const OPTION_REFUSED: &str = "The scheduler does not accept this option.";

/// The members of a bind request, which are named as those of a create, and the parent of the task.
const OPTIONS: [&str; 11] = [
    "type",
    "queue",
    "priority",
    "scheduledFor",
    "maxAttempts",
    "backoff",
    "attemptTimeoutMs",
    "deadline",
    "cancelGraceMs",
    "cancelChildren",
    "parentId",
];

#[derive(Deserialize)]
struct Created {
    id: ExecutionId,
}

/// Judges the answer to a create in this form.
pub(crate) fn judge(form: Form, result: Result<Answer, NoAnswer>) -> Verdict {
    let problem = problem_of(&result);
    let definite = result
        .as_ref()
        .is_ok_and(|answer| is_definite(answer, problem.error_code()));
    let failure = match success(result) {
        Ok(answer) => match answer.read::<Created>() {
            Ok(created) => return Verdict::Accepted(created.id),
            Err(error) => SchedulerFailure::unreadable(error),
        },
        Err(failure) => failure,
    };
    match form {
        Form::Extended if problem.error_code() == Some(ErrorCode::BindingKeyExpired) => {
            Verdict::Lost(failure.unknown())
        }
        Form::Extended if definite => Verdict::Refused(Refusal {
            failure,
            field: option_at_fault(&problem),
        }),
        Form::Extended => Verdict::Again(failure),
        Form::Plain if failure.is_unknown() => Verdict::Unknown(failure),
        // What was certainly not taken up is as if it was never sent. It is not sent again by
        // itself, because that it was sent is committed: the task is free, and the caller is told.
        Form::Plain => Verdict::Refused(Refusal {
            failure,
            field: None,
        }),
    }
}

fn problem_of(result: &Result<Answer, NoAnswer>) -> Problem {
    let refused = result
        .as_ref()
        .ok()
        .filter(|answer| !answer.status.is_success());
    refused
        .and_then(|answer| answer.read().ok())
        .unwrap_or_default()
}

/// 4xx but those that only say "not now".
fn is_definite(answer: &Answer, code: Option<ErrorCode>) -> bool {
    match answer.status.as_u16() {
        408 | 425 | 429 => false,
        409 => code != Some(ErrorCode::IdempotencyInFlight),
        status => (400..500).contains(&status),
    }
}

fn option_at_fault(problem: &Problem) -> Option<&'static str> {
    if problem.error_code() != Some(ErrorCode::InvalidBody) {
        return None;
    }
    let field = problem.field.as_deref()?.split('.').next()?;
    let option = OPTIONS.into_iter().find(|option| *option == field)?;
    Some(match option {
        "type" => "schedulerType",
        "parentId" => "parentTaskId",
        option => option,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, StatusCode};
    use taskpilot_client::transport::NoAnswerKind;

    use super::*;

    fn says(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
            earlier_unknown: false,
        }
    }

    fn silence(may_be_applied: bool) -> NoAnswer {
        NoAnswer {
            detail: "down".into(),
            kind: NoAnswerKind::Broken,
            may_be_applied,
        }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Accepted(_) => "accepted",
            Verdict::Refused(Refusal {
                field: Some(field), ..
            }) => field,
            Verdict::Refused(_) => "refused",
            Verdict::Lost(_) => "lost",
            Verdict::Again(_) => "again",
            Verdict::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn each_answer_to_a_create_is_judged_in_both_forms() {
        let option = r#"{"code":"invalid_body","field":"backoff.maxMs"}"#;
        let kind = r#"{"code":"invalid_body","field":"type"}"#;
        let parent = r#"{"code":"invalid_body","field":"parentId"}"#;
        let foreign = r#"{"code":"invalid_body","field":"shard"}"#;
        for (status, body, extended, plain) in [
            (201, r#"{"id":7}"#, "accepted", "accepted"),
            (
                200,
                r#"{"id":7,"status":"PENDING"}"#,
                "accepted",
                "accepted",
            ),
            (201, "nonsense", "again", "unknown"),
            (201, r#"{"id":"7"}"#, "again", "unknown"),
            (204, "", "again", "unknown"),
            (303, "", "again", "unknown"),
            (400, "", "refused", "refused"),
            (404, "", "refused", "refused"),
            (408, "", "again", "refused"),
            (409, "", "refused", "refused"),
            (
                409,
                r#"{"code":"idempotency_in_flight"}"#,
                "again",
                "refused",
            ),
            (410, "", "refused", "refused"),
            (410, r#"{"code":"binding_key_expired"}"#, "lost", "refused"),
            (422, option, "backoff", "refused"),
            (422, kind, "schedulerType", "refused"),
            (422, parent, "parentTaskId", "refused"),
            (422, foreign, "refused", "refused"),
            (425, "", "again", "refused"),
            (429, "", "again", "refused"),
            (500, "", "again", "unknown"),
            (503, "", "again", "refused"),
            (504, "", "again", "unknown"),
        ] {
            let judged =
                [Form::Extended, Form::Plain].map(|form| judge(form, Ok(says(status, body))));
            let words = [word(&judged[0]), word(&judged[1])];
            assert_eq!(words, [extended, plain], "{status} {body}");
        }
    }

    #[test]
    fn silence_is_tried_again_where_that_can_do_no_harm() {
        for (may_be_applied, extended, plain) in
            [(false, "again", "refused"), (true, "again", "unknown")]
        {
            let judged =
                [Form::Extended, Form::Plain].map(|form| judge(form, Err(silence(may_be_applied))));
            assert_eq!([word(&judged[0]), word(&judged[1])], [extended, plain]);
        }
    }
}
