//! Executions in the words of the wire.

use std::sync::Arc;

use taskpilot_api::executions as wire;
use taskpilot_api::json::JsonText;
use taskpilot_api::scheduler::Execution;
use taskpilot_domain::execution::{AttemptEnd, RetryState, State};
use taskpilot_domain::stop::{StopCause, StopStatus};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::attempts::{AttemptError, AttemptRecord, LateReport};
use taskpilot_store::rows::executions::{CancelRecord, ExecutionRecord, ExecutionSummary};
use taskpilot_store::rows::stops::StopRecord;

use crate::app::App;

/// What a list tells of an execution.
pub(crate) fn summary(summary: &ExecutionSummary, now: Timestamp) -> Execution {
    let standing = &summary.standing;
    let (phase, blocked_by) = standing.waits_for(now, summary.held_back).unzip();
    let waits = standing.state == State::Pending;
    Execution {
        r#type: summary.kind.as_ref().map(ToString::to_string),
        queue: Some(summary.queue.to_string()),
        priority: Some(summary.priority.0),
        attempt_count: Some(standing.attempt_count),
        max_attempts: Some(standing.policy.max_attempts),
        next_run_at: waits.then_some(standing.available_at),
        retry_state: Some(RetryState::of(standing.state, standing.attempt_count).into()),
        created_at: Some(summary.accepted_at),
        scheduled_for: Some(standing.scheduled_for),
        processing_started_at: standing.processing_started_at,
        completed_at: summary.completed_at,
        worker_id: summary
            .worker
            .as_ref()
            .map(|(session, _)| session.to_string()),
        phase: phase.map(Into::into),
        blocked_by: blocked_by.flatten().map(Into::into),
        cleanup_of: summary.cleanup_of,
        cleanup: summary
            .cleanup
            .map(|(id, state)| Box::new(Execution::plain(id, state.into()))),
        ..Execution::plain(summary.id, standing.state.into())
    }
}

/// All that is told of an execution, but for its progress and its cleanup.
fn whole(record: &ExecutionRecord, now: Timestamp) -> Execution {
    let last = record.attempts.last();
    let worker = last.map(|attempt| attempt.session.to_string());
    let listed = summary(&record.summary, now);
    Execution {
        payload: record.payload.as_ref().map(json),
        reference: record.reference.clone(),
        idempotency_key: record.key.as_ref().map(ToString::to_string),
        parent_id: record.family.map(|(parent, _)| parent),
        root_id: record.family.map(|(_, root)| root),
        last_error: record.last_error.as_ref().map(one_line),
        deadline: record.options.deadline,
        attempt_timeout_ms: record.options.attempt_timeout_ms,
        cancel_grace_ms: Some(record.options.cancel_grace_ms),
        cancel_children: Some(record.options.cancel_children),
        worker_id: listed.worker_id.clone().or(worker),
        result: record.result.as_ref().map(json),
        cancel: record.cancel.as_ref().map(cancel),
        stop: stop_of(record),
        attempts: Some(record.attempts.iter().map(attempt).collect()),
        ..listed
    }
}

fn cancel(cancel: &CancelRecord) -> wire::CancelRecord {
    let later = cancel.later.iter().map(|later| wire::LaterRequest {
        requested_at: later.requested_at,
        requested_by: later.requested_by.to_string(),
        reason: later.reason.clone(),
    });
    wire::CancelRecord {
        requested_at: cancel.requested_at,
        requested_by: cancel.requested_by.to_string(),
        reason: cancel.reason.clone(),
        later_request_count: cancel.later_count,
        later_requests: later.collect(),
    }
}

/// The execution with the latest word of its running attempt, and its cleanup in the same way.
pub(crate) fn told(app: &App, record: &ExecutionRecord) -> Execution {
    let (id, attempt) = (record.summary.id, record.summary.standing.attempt);
    let holder = record.summary.worker.as_ref();
    let whole = whole(record, app.clock.now());
    let cleanup = record.cleanup.as_ref();
    Execution {
        progress: holder.and_then(|(session, _)| app.progress.of(*session, id, attempt)),
        cleanup: cleanup
            .map(|cleanup| Box::new(told(app, cleanup)))
            .or(whole.cleanup),
        ..whole
    }
}

/// How far the stop of an execution has come: that of its last attempt. Where none was leased when
/// it was canceled, no stop was needed.
pub(crate) fn stop_status(record: &ExecutionRecord) -> Option<StopStatus> {
    let last = record
        .attempts
        .last()
        .and_then(|attempt| attempt.stop.as_ref());
    let canceled = record.summary.standing.state == State::Canceled;
    last.map(|stop| stop.status)
        .or(canceled.then_some(StopStatus::NotNeeded))
}

fn stop_of(record: &ExecutionRecord) -> Option<wire::StopRecord> {
    let last = record
        .attempts
        .last()
        .and_then(|attempt| attempt.stop.as_ref());
    if let Some(last) = last {
        return Some(stop(last));
    }
    let canceled = record.cancel.as_ref()?;
    Some(wire::StopRecord {
        status: StopStatus::NotNeeded.into(),
        cause: (canceled.cause != StopCause::User).then(|| canceled.cause.into()),
        requested_at: Some(canceled.requested_at),
        delivered_at: None,
        acknowledged_at: None,
        ended_at: Some(canceled.requested_at),
        how: None,
        containment: None,
        evidence: None,
        stops_by: None,
        released: None,
    })
}

fn stop(stop: &StopRecord) -> wire::StopRecord {
    wire::StopRecord {
        status: stop.status.into(),
        cause: Some(stop.cause.into()),
        requested_at: Some(stop.requested_at),
        delivered_at: stop.delivered_at,
        acknowledged_at: stop.acknowledged_at,
        ended_at: stop.ended_at,
        how: stop.how.map(Into::into),
        containment: stop.containment.map(Into::into),
        evidence: stop
            .evidence
            .as_ref()
            .and_then(|text| serde_json::from_str(text).ok()),
        stops_by: stop.stops_by,
        released: stop.released.as_ref().map(|release| wire::ReleaseRecord {
            at: release.at,
            by: release.by.to_string(),
            reason: release.reason.clone(),
        }),
    }
}

fn attempt(attempt: &AttemptRecord) -> wire::AttemptRecord {
    wire::AttemptRecord {
        attempt: attempt.number,
        worker_id: Some(attempt.session.to_string()),
        worker_name: Some(attempt.worker.to_string()),
        started_at: Some(attempt.claimed_at),
        start_confirmed_at: attempt.confirmed_at,
        ended_at: attempt.ended_at,
        outcome: attempt.end.map(Into::into),
        counted: counts(attempt.end),
        error: attempt.error.as_ref().map(error),
        exit_code: attempt.exit.code,
        signal: attempt.exit.signal,
        output: attempt.output.as_ref().map(|output| wire::OutputTail {
            stdout: output.stdout.clone(),
            stderr: output.stderr.clone(),
            stdout_truncated: output.stdout_truncated,
            stderr_truncated: output.stderr_truncated,
        }),
        late: attempt.late.as_ref().map(late),
        stop: attempt.stop.as_ref().map(stop),
    }
}

fn late(late: &LateReport) -> wire::LateReport {
    wire::LateReport {
        at: late.at,
        outcome: late.outcome.into(),
        result_bytes: late.result_bytes,
        result: late.result.as_ref().map(json),
        error: late.error.as_ref().map(error),
    }
}

fn error(error: &AttemptError) -> wire::AttemptError {
    wire::AttemptError {
        code: error.code.clone(),
        message: error.message.clone(),
    }
}

fn counts(end: Option<AttemptEnd>) -> bool {
    !matches!(end, Some(AttemptEnd::Released | AttemptEnd::Interrupted))
}

fn one_line(error: &AttemptError) -> String {
    let first = error.message.lines().next().unwrap_or_default();
    if first.is_empty() {
        error.code.clone()
    } else {
        format!("{}: {first}", error.code)
    }
}

/// What a store keeps as JSON was checked when it came; what is not is told as null.
fn json(text: &Arc<str>) -> JsonText {
    JsonText::from_text(text.as_ref()).unwrap_or_default()
}
