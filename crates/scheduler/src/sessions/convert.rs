//! Between the worker protocol's words and the store's rows.

use std::sync::Arc;

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::executions::Progress;
use taskpilot_api::json::JsonText;
use taskpilot_api::open::StateWord;
use taskpilot_api::workers as wire;
use taskpilot_api::workers::{Ending, ItemVerdict, Report, StopFact, Verdict};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::Fence;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::attempts::{AttemptError, Exit, OutputTail};
use taskpilot_store::rows::executions::{CleanupOf, Grant};
use taskpilot_store::rows::sessions::{HandIn, HandInOutcome, HandInVerdict, SessionGone};
use taskpilot_store::rows::stops::{StopOrder, StopReport, StopVerdict};

use crate::secrets;

pub(crate) fn hand_in(report: Report) -> HandIn {
    let outcome = match report.ending {
        Ending::Succeeded(result) => HandInOutcome::Succeeded(Arc::from(result.as_str())),
        Ending::Failed(failure) => HandInOutcome::Failed {
            error: AttemptError {
                code: failure.code,
                message: failure.message,
            },
            retryable: failure.retryable,
        },
        Ending::Released => HandInOutcome::Released,
        Ending::Interrupted => HandInOutcome::Interrupted,
    };
    HandIn {
        fence: report.fence,
        outcome,
        exit: Exit {
            code: report.exit_code,
            signal: report.signal,
        },
        output: report.output.map(|output| {
            Arc::new(OutputTail {
                stdout: output.stdout,
                stderr: output.stderr,
                stdout_truncated: output.stdout_truncated,
                stderr_truncated: output.stderr_truncated,
            })
        }),
        how: report.how,
        containment: report.containment,
        evidence: report.evidence.and_then(|evidence| json(&evidence)),
        ago_ms: report.ago_ms,
        jitter: secrets::jitter(),
    }
}

pub(crate) fn stop_report(fact: StopFact) -> StopReport {
    StopReport {
        fence: fact.fence,
        event: fact.event,
        ago_ms: fact.ago_ms,
        containment: fact.containment,
        evidence: fact.evidence.and_then(|evidence| json(&evidence)),
    }
}

/// The verdicts on hand-ins, each with the attempt that it is about.
pub(crate) fn verdicts(fences: &[Fence], verdicts: &[HandInVerdict]) -> Vec<Verdict> {
    fences
        .iter()
        .zip(verdicts)
        .map(|(fence, given)| verdict(*fence, *given))
        .collect()
}

fn verdict(fence: Fence, given: HandInVerdict) -> Verdict {
    let (word, winner): (ItemVerdict, Option<State>) = match given {
        HandInVerdict::Applied => (ItemVerdict::Applied, None),
        HandInVerdict::Duplicate => (ItemVerdict::Duplicate, None),
        HandInVerdict::Late { winner } => (ItemVerdict::Late, Some(winner)),
        HandInVerdict::Stale => (ItemVerdict::Stale, None),
    };
    Verdict {
        execution_id: fence.execution,
        attempt: fence.attempt,
        verdict: word.into(),
        status: winner.map(StateWord::from),
    }
}

/// The verdicts on stop reports, each with the attempt that it is about.
pub(crate) fn stop_verdicts(fences: &[Fence], verdicts: &[StopVerdict]) -> Vec<Verdict> {
    let word = |given| match given {
        StopVerdict::Recorded => ItemVerdict::Applied,
        StopVerdict::Unknown => ItemVerdict::Stale,
    };
    let both = fences.iter().zip(verdicts);
    both.map(|(fence, given)| Verdict {
        execution_id: fence.execution,
        attempt: fence.attempt,
        verdict: word(*given).into(),
        status: None,
    })
    .collect()
}

pub(crate) fn grant(grant: Grant) -> wire::Grant {
    wire::Grant {
        execution_id: grant.fence.execution,
        attempt: grant.fence.attempt,
        token: grant.fence.token,
        r#type: grant.kind.into(),
        payload: JsonText::from_text(grant.payload.as_ref()).unwrap_or_default(),
        reference: grant.reference,
        queue: grant.queue.into(),
        attempt_count: grant.attempt_count,
        max_attempts: grant.max_attempts,
        attempt_timeout_ms: grant.attempt_timeout_ms,
        cancel_grace_ms: grant.cancel_grace_ms,
        scheduled_for: grant.scheduled_for,
        deadline: grant.deadline,
        cleanup_of: grant.cleanup_of.map(cleanup_of),
    }
}

fn cleanup_of(canceled: CleanupOf) -> wire::CleanupOf {
    wire::CleanupOf {
        execution_id: canceled.execution,
        attempt: canceled.attempt,
        cause: canceled.cause.into(),
        requested_at: canceled.requested_at,
        requested_by: canceled.requested_by.to_string(),
        reason: canceled.reason,
        stop: canceled.stop.into(),
        how: canceled.how.map(Into::into),
        progress: canceled.progress.map(|last| Progress {
            attempt: last.attempt,
            percent: last.percent,
            message: last.message,
            at: last.at,
        }),
    }
}

pub(crate) fn order(order: &StopOrder) -> wire::Order {
    wire::Order {
        execution_id: order.fence.execution,
        attempt: order.fence.attempt,
        token: order.fence.token,
        cause: order.cause.into(),
        grace_ms: order.grace_ms,
        requested_at: Some(order.requested_at),
        requested_by: order.actor.as_ref().map(ToString::to_string),
        reason: order.reason.clone(),
    }
}

/// A session that cannot act: unknown and foreign ones are told alike.
pub(crate) fn gone(why: SessionGone) -> ApiError {
    match why {
        SessionGone::Unknown => {
            ApiError::new(ErrorCode::WorkerNotFound, "there is no such worker session")
        }
        SessionGone::Ended => ApiError::new(
            ErrorCode::SessionExpired,
            "the session has ended; register anew",
        ),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Option<Arc<str>> {
    serde_json::to_string(value).ok().map(Arc::from)
}
