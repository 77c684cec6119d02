//! The one translation of what the scheduler answers into what users are told.
//!
//! Of a raw answer nothing gets through but the fact that it came; its status is for the log.

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::problem::Outcome;
use taskpilot_client::transport::{Answer, NoAnswer, may_be_applied};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_server::error::ApiError;

/// The scheduler did not give what was asked for. Those who wait together share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchedulerFailure {
    kind: Kind,
    outcome: Outcome,
    /// For the log.
    cause: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 409.
    Conflict,
    /// 404.
    Missing,
    /// The execution of somebody else: for users the one that was asked for is not there.
    Foreign,
    /// 429 or 503: the same may succeed later, after so many seconds.
    Busy(u64),
    /// Any other answer.
    Unexpected,
    /// None.
    Silent,
    /// Nothing was sent: it does not have that.
    NotOffered(&'static str),
}

/// What was asked of the scheduler, as far as its answer depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To cancel this execution.
    Cancel(ExecutionId),
    /// To cancel what is not known yet but by its key.
    CancelByKey,
    /// How this execution stands.
    Read(ExecutionId),
    /// To free what the stop of this execution holds.
    Release(ExecutionId),
    /// Anything else.
    Other,
}

/// The answer where it is a success.
pub(crate) fn success(result: Result<Answer, NoAnswer>) -> Result<Answer, SchedulerFailure> {
    match result {
        Ok(answer) if answer.status.is_success() => Ok(answer),
        Ok(answer) => Err(SchedulerFailure::of_answer(&answer)),
        Err(silence) => Err(SchedulerFailure::of_silence(&silence)),
    }
}

impl SchedulerFailure {
    /// An answer that is no success.
    pub(crate) fn of_answer(answer: &Answer) -> Self {
        let kind = match answer.status.as_u16() {
            409 => Kind::Conflict,
            404 => Kind::Missing,
            429 | 503 => Kind::Busy(answer.retry_after_s().unwrap_or(1)),
            _ => Kind::Unexpected,
        };
        // A redirect is not followed, and may come after the command was carried out (303).
        let unknown = answer.earlier_unknown
            || may_be_applied(answer.status)
            || answer.status.is_redirection();
        Self {
            kind,
            outcome: outcome(unknown),
            cause: format!("the scheduler answered {}", answer.status),
        }
    }

    /// No answer.
    pub(crate) fn of_silence(silence: &NoAnswer) -> Self {
        Self {
            kind: Kind::Silent,
            outcome: outcome(silence.may_be_applied),
            cause: format!("the scheduler did not answer: {}", silence.detail),
        }
    }

    /// A success that does not say what it must.
    pub(crate) fn unreadable(what: impl std::fmt::Display) -> Self {
        Self {
            kind: Kind::Unexpected,
            outcome: Outcome::Unknown,
            cause: format!("the scheduler's answer cannot be read: {what}"),
        }
    }

    /// An execution that is not the one that was asked for: for users it is not there.
    pub(crate) fn foreign(what: impl std::fmt::Display) -> Self {
        Self {
            kind: Kind::Foreign,
            outcome: Outcome::NotApplied,
            cause: what.to_string(),
        }
    }

    /// Something that this scheduler cannot do.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self {
            kind: Kind::Unexpected,
            outcome: Outcome::NotApplied,
            cause: format!("the scheduler does not offer {what}"),
        }
    }

    /// Something that only a scheduler with an extension has.
    pub(crate) fn not_offered(what: &'static str) -> Self {
        Self {
            kind: Kind::NotOffered(what),
            ..Self::unsupported(what)
        }
    }

    /// The same, before the command itself was sent.
    pub(crate) fn not_applied(self) -> Self {
        Self {
            outcome: Outcome::NotApplied,
            ..self
        }
    }

    /// The same for a command that will be carried out all the same.
    pub(crate) fn unknown(self) -> Self {
        Self {
            outcome: Outcome::Unknown,
            ..self
        }
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.kind, Kind::Missing | Kind::Foreign)
    }

    /// Whether something stands under the id, and is somebody else's.
    pub(crate) fn is_foreign(&self) -> bool {
        self.kind == Kind::Foreign
    }

    /// Whether the command may have been applied.
    pub(crate) fn is_unknown(&self) -> bool {
        self.outcome == Outcome::Unknown
    }

    /// For the log.
    pub(crate) fn cause(&self) -> &str {
        &self.cause
    }

    /// The code that a task keeps of it, with a text for people.
    pub(crate) fn code_and_detail(&self) -> (ErrorCode, &'static str) {
        match self.kind {
            Kind::Silent => (ErrorCode::SchedulerUnavailable, SILENT),
            Kind::NotOffered(_) => (ErrorCode::SchedulerUnsupported, UNSUPPORTED),
            Kind::Conflict | Kind::Missing | Kind::Foreign | Kind::Busy(_) | Kind::Unexpected => {
                (ErrorCode::SchedulerError, UNEXPECTED)
            }
        }
    }

    /// What the caller is told.
    pub(crate) fn told(&self, asked: Asked) -> ApiError {
        let error = match (self.kind, asked) {
            (Kind::Conflict, Asked::Cancel(_) | Asked::CancelByKey) => {
                ApiError::new(ErrorCode::ExecutionConflict, CONFLICT)
            }
            (Kind::Conflict, Asked::Release(_)) => {
                ApiError::new(ErrorCode::StopNotStuck, NOT_STUCK)
            }
            (
                Kind::Missing | Kind::Foreign,
                Asked::Cancel(id) | Asked::Read(id) | Asked::Release(id),
            ) => {
                let detail = format!("Scheduler task not found: {id}");
                ApiError::new(ErrorCode::SchedulerTaskNotFound, detail)
            }
            (Kind::Silent, _) => ApiError::new(ErrorCode::SchedulerUnavailable, SILENT),
            (Kind::NotOffered(what), _) => {
                let detail = format!("The scheduler does not offer {what}.");
                ApiError::new(ErrorCode::SchedulerUnsupported, detail)
            }
            (Kind::Busy(seconds), _) => ApiError::new(ErrorCode::SchedulerError, UNEXPECTED)
                .retryable(true)
                .retry_after_s(seconds),
            (Kind::Conflict | Kind::Missing | Kind::Foreign | Kind::Unexpected, _) => {
                ApiError::new(ErrorCode::SchedulerError, UNEXPECTED)
            }
        };
        error.outcome(self.outcome).caused_by(self.cause.clone())
    }
}

const CONFLICT: &str = "Task cannot be canceled in its current state.";
const NOT_STUCK: &str = "The stop is neither STUCK nor ABANDONED.";
const SILENT: &str = "The scheduler did not answer.";
const UNSUPPORTED: &str = "The scheduler does not offer what the task needs.";
const UNEXPECTED: &str = "The scheduler answered with something unexpected.";

fn outcome(unknown: bool) -> Outcome {
    if unknown {
        Outcome::Unknown
    } else {
        Outcome::NotApplied
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, StatusCode};
    use taskpilot_client::transport::NoAnswerKind;

    use super::*;

    /// Status, code, outcome and whether a repeat may help.
    type Told = (u16, &'static str, Outcome, bool);

    fn answer(status: u16, earlier_unknown: bool) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: b"secret".to_vec(),
            earlier_unknown,
        }
    }

    fn told(failure: &SchedulerFailure, asked: Asked) -> Told {
        let problem = failure.told(asked).problem();
        let code = problem.error_code().unwrap().as_str();
        assert!(!problem.detail.contains("secret"), "{problem:?}");
        (
            problem.status,
            code,
            problem.outcome.unwrap(),
            problem.retryable,
        )
    }

    fn execution() -> ExecutionId {
        ExecutionId::new(7).unwrap()
    }

    #[test]
    fn every_answer_to_a_cancel_has_its_row() {
        use Outcome::{NotApplied, Unknown};
        let error = |outcome| (500, "scheduler_error", outcome, false);
        for (status, expected) in [
            (409, (409, "execution_conflict", NotApplied, false)),
            (404, (404, "scheduler_task_not_found", NotApplied, false)),
            (429, (500, "scheduler_error", NotApplied, true)),
            (503, (500, "scheduler_error", NotApplied, true)),
            (400, error(NotApplied)),
            (401, error(NotApplied)),
            (408, error(NotApplied)),
            (418, error(NotApplied)),
            (422, error(NotApplied)),
            (302, error(Unknown)),
            (303, error(Unknown)),
            (500, error(Unknown)),
            (502, error(Unknown)),
            (504, error(Unknown)),
        ] {
            let failure = success(Ok(answer(status, false))).unwrap_err();
            assert_eq!(
                told(&failure, Asked::Cancel(execution())),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn an_earlier_try_of_unknown_fate_makes_the_call_unknown() {
        for status in [400, 404, 409, 429, 503] {
            let failure = SchedulerFailure::of_answer(&answer(status, true));
            let (.., outcome, _) = told(&failure, Asked::Cancel(execution()));
            assert_eq!(outcome, Outcome::Unknown, "{status}");
        }
        assert!(success(Ok(answer(204, true))).is_ok());
    }

    #[test]
    fn a_conflict_is_one_for_cancels_only_and_what_is_missing_has_an_id() {
        let of = |status, asked| {
            let (status, code, ..) =
                told(&SchedulerFailure::of_answer(&answer(status, false)), asked);
            (status, code)
        };
        assert_eq!(of(409, Asked::CancelByKey), (409, "execution_conflict"));
        let release = Asked::Release(execution());
        assert_eq!(of(409, release), (409, "stop_not_stuck"));
        assert_eq!(of(404, release), (404, "scheduler_task_not_found"));
        assert_eq!(of(409, Asked::Read(execution())), (500, "scheduler_error"));
        assert_eq!(of(409, Asked::Other), (500, "scheduler_error"));
        assert_eq!(
            of(404, Asked::Read(execution())),
            (404, "scheduler_task_not_found")
        );
        assert_eq!(of(404, Asked::CancelByKey), (500, "scheduler_error"));
        assert_eq!(of(404, Asked::Other), (500, "scheduler_error"));
    }

    #[test]
    fn no_answer_is_unavailable() {
        for (may_be_applied, outcome) in [(false, Outcome::NotApplied), (true, Outcome::Unknown)] {
            let silence = NoAnswer {
                detail: "secret".into(),
                kind: NoAnswerKind::Broken,
                may_be_applied,
            };
            let expected = (503, "scheduler_unavailable", outcome, true);
            assert_eq!(
                told(&success(Err(silence)).unwrap_err(), Asked::Other),
                expected
            );
        }
    }
}
