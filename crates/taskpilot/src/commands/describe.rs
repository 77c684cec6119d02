//! Tasks and executions in words and columns.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use taskpilot_api::executions::{
    AttemptRecord, CancelRecord, ExecutionSummary, ExecutionView, LateReport, ReleaseRecord,
    StopRecord,
};
use taskpilot_api::tasks::{Task, TaskItem};
use taskpilot_domain::execution::State;
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;

use crate::durations::written;

/// Later cancel requests that are told in words; JSON has them all.
const LATER_REQUESTS_TOLD: usize = 5;

/// The facts of a task, name and value.
pub(super) fn task(task: &Task) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("task", task.id.to_string()),
        ("type", task.r#type.to_string()),
        ("status", task.status.as_str().to_owned()),
    ];
    if let Some(title) = &task.title {
        facts.push(("title", title.clone()));
    }
    if !task.labels.is_empty() {
        let labels: Vec<String> = task
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        facts.push(("labels", labels.join(" ")));
    }
    facts.push(("payload", shortened(task.payload.as_str())));
    facts.push(("created", task.created_at.to_string()));
    if let Some(id) = task.cloned_from {
        facts.push(("cloned from", id.to_string()));
    }
    if let Some(id) = task.parent_task_id {
        facts.push(("parent", id.to_string()));
    }
    if let Some(error) = &task.bind_error {
        facts.push(("bind error", format!("{}: {}", error.code, error.detail)));
    }
    if let Some(id) = task.scheduler_task_id {
        facts.push(("execution", id.to_string()));
    }
    facts
}

/// The facts of an execution, name and value.
pub(super) fn execution(view: &ExecutionView) -> Vec<(&'static str, String)> {
    let mut facts = vec![("state", state(view))];
    if let (Some(count), Some(max)) = (view.attempt_count, view.max_attempts) {
        facts.push(("attempts", format!("{count} of {max}")));
    }
    push_instant(&mut facts, "due", view.scheduled_for);
    push_instant(&mut facts, "next run", view.next_run_at);
    push_instant(&mut facts, "started", view.processing_started_at);
    push_instant(&mut facts, "completed", view.completed_at);
    for (name, latency) in [
        ("waited", view.queue_latency_ms),
        ("processing", view.processing_latency_ms),
        ("end to end", view.end_to_end_latency_ms),
    ] {
        if let Some(ms) = latency {
            facts.push((name, written(ms)));
        }
    }
    if let Some(error) = &view.last_error {
        facts.push(("last error", error.clone()));
    }
    if let Some(result) = &view.result {
        facts.push(("result", shortened(result.as_str())));
    }
    if let Some(cancel) = &view.cancel {
        push_cancel(&mut facts, cancel);
    }
    if let Some(record) = &view.stop {
        facts.push(("stop", stop(record)));
        let open = record.ended_at.is_none();
        push_instant(&mut facts, "stops by", record.stops_by.filter(|_| open));
    }
    for attempt in view.attempts.iter().flatten() {
        let released = attempt
            .stop
            .as_ref()
            .and_then(|stop| stop.released.as_ref());
        if let Some(ReleaseRecord { at, by, reason }) = released {
            let text = format!("#{} by {by} at {at}: {reason}", attempt.attempt);
            facts.push(("released", text));
        }
    }
    for attempt in view.attempts.iter().flatten() {
        facts.push(("attempt", attempt_line(attempt)));
    }
    if let Some(owed) = &view.cleanup {
        push_cleanup(&mut facts, owed);
    }
    facts
}

/// The cleanup that is owed, an execution of its own.
fn push_cleanup(facts: &mut Vec<(&'static str, String)>, owed: &ExecutionView) {
    facts.push(("cleanup", cleanup(owed)));
    if let (Some(count), Some(max)) = (owed.attempt_count, owed.max_attempts) {
        facts.push(("cleanup attempts", format!("{count} of {max}")));
    }
    push_instant(facts, "cleanup next run", owed.next_run_at);
    if let Some(error) = &owed.last_error {
        facts.push(("cleanup error", error.clone()));
    }
    if let Some(record) = &owed.stop {
        facts.push(("cleanup stop", stop(record)));
    }
    for attempt in owed.attempts.iter().flatten() {
        facts.push(("cleanup attempt", attempt_line(attempt)));
    }
}

/// How a cleanup stands, and which execution it is.
pub(super) fn cleanup(owed: &ExecutionView) -> String {
    format!("{} (execution {})", state(owed), owed.scheduler_task_id)
}

/// Who canceled first, and who asked again lately.
fn push_cancel(facts: &mut Vec<(&'static str, String)>, cancel: &CancelRecord) {
    let by = |who: &str, at: Timestamp, reason: Option<&String>| {
        let reason = reason.map_or_else(String::new, |text| format!(": {text}"));
        format!("by {who} at {at}{reason}")
    };
    let first = by(
        &cancel.requested_by,
        cancel.requested_at,
        cancel.reason.as_ref(),
    );
    facts.push(("canceled", first));
    let told = cancel.later_requests.len().min(LATER_REQUESTS_TOLD);
    let untold = cancel.later_request_count.saturating_sub(told as u64);
    if untold > 0 {
        facts.push(("asked again", format!("{untold} times before")));
    }
    for later in cancel.later_requests.iter().rev().take(told).rev() {
        let again = by(
            &later.requested_by,
            later.requested_at,
            later.reason.as_ref(),
        );
        facts.push(("asked again", again));
    }
}

/// One row of `task list`.
pub(super) fn task_row(item: &TaskItem) -> Vec<String> {
    let execution = match &item.execution {
        Some(execution) => summary(execution),
        None if item.execution_unavailable => "unavailable".to_owned(),
        None if item.execution_not_found => "not found".to_owned(),
        None => "-".to_owned(),
    };
    vec![
        item.id.to_string(),
        item.r#type.to_string(),
        item.status.as_str().to_owned(),
        execution,
        to_the_second(item.created_at),
        item.title.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// The state in a list; a cleanup stands beside it until it has succeeded.
fn summary(execution: &ExecutionSummary) -> String {
    let state = match &execution.phase {
        Some(phase) => format!("{} {phase}", execution.status),
        None => execution.status.to_string(),
    };
    match &execution.cleanup {
        Some(cleanup) if cleanup.known() != Some(State::Succeeded) => {
            format!("{state}, cleanup {cleanup}")
        }
        Some(_) | None => state,
    }
}

/// An instant as lists show it.
pub(super) fn to_the_second(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// The state, with what it waits for.
pub(super) fn state(view: &ExecutionView) -> String {
    match (&view.phase, &view.blocked_by) {
        (Some(phase), Some(by)) => format!("{} {phase} ({by})", view.status),
        (Some(phase), None) => format!("{} {phase}", view.status),
        (None, _) => view.status.to_string(),
    }
}

/// How far a stop has come, with the time each stage took since the request.
pub(super) fn stop(record: &StopRecord) -> String {
    let text = stop_status(record);
    let stages = stop_stages(record);
    let stages: Vec<String> = stages.iter().map(ToString::to_string).collect();
    if stages.is_empty() {
        text
    } else {
        format!("{text}: {}", stages.join(", "))
    }
}

/// How far a stop has come, and how the work ended.
pub(super) fn stop_status(record: &StopRecord) -> String {
    match &record.how {
        Some(how) => format!("{} ({how})", record.status),
        None => record.status.to_string(),
    }
}

/// A stage that a stop has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stage {
    /// `requested`, `delivered`, `signaled`, or the word of its end.
    #[serde(rename = "stage")]
    pub(super) name: String,
    pub(super) at: Timestamp,
    /// Since the request.
    pub(super) after_ms: u64,
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, written(self.after_ms))
    }
}

/// The stages of a stop in their order.
pub(super) fn stop_stages(record: &StopRecord) -> Vec<Stage> {
    let Some(requested) = record.requested_at else {
        return Vec::new();
    };
    let last = record.status.as_str().to_lowercase();
    // Where nothing ran, nothing has ended.
    let was_needed = record.status.known() != Some(StopStatus::NotNeeded);
    let ended = record.ended_at.filter(|_| was_needed);
    [
        ("requested", Some(requested)),
        ("delivered", record.delivered_at),
        ("signaled", record.acknowledged_at),
        (last.as_str(), ended),
    ]
    .into_iter()
    .filter_map(|(stage, at)| {
        at.map(|at| Stage {
            name: stage.to_owned(),
            at,
            after_ms: at.ms_since(requested),
        })
    })
    .collect()
}

fn attempt_line(attempt: &AttemptRecord) -> String {
    let outcome = attempt
        .outcome
        .as_ref()
        .map_or("running".to_owned(), ToString::to_string);
    let mut text = format!("#{} {outcome}", attempt.attempt);
    if let (Some(start), Some(end)) = (attempt.started_at, attempt.ended_at) {
        text = format!("{text} after {}", written(end.ms_since(start)));
    }
    if let Some(code) = attempt.exit_code {
        text = format!("{text}, exit code {code}");
    }
    if let Some(signal) = attempt.signal {
        text = format!("{text}, signal {signal}");
    }
    if let Some(worker) = &attempt.worker_name {
        text = format!("{text}, on {worker}");
    }
    if let Some(stop) = &attempt.stop {
        text = format!("{text}, {}", stop_of_attempt(stop));
    }
    // How work ends that is stopped is in its stop; a result, or a failure of its own, is more.
    let late = attempt.late.as_ref();
    let is_own = |late: &&LateReport| matches!(late.outcome.as_str(), "succeeded" | "failed");
    if let Some(late) = late.filter(is_own) {
        text = format!("{text}, {} too late", late.outcome);
    }
    text
}

/// Why an attempt was stopped, how far that has come, and what proves it.
fn stop_of_attempt(stop: &StopRecord) -> String {
    let cause = stop.cause.as_ref().map_or("-", |cause| cause.as_str());
    let mut text = format!("stop by {cause} {}", stop_status(stop));
    if let Some(containment) = &stop.containment {
        text = format!("{text}, {containment}");
    }
    let Some(evidence) = &stop.evidence else {
        return text;
    };
    if evidence.overdue == Some(true) {
        text.push_str(", overdue");
    }
    if let Some(swept) = evidence.swept {
        text = format!("{text}, {swept} swept");
    }
    if let Some(proof) = &evidence.proof {
        text = format!("{text}, proof {proof}");
    }
    text
}

fn push_instant(
    facts: &mut Vec<(&'static str, String)>,
    name: &'static str,
    at: Option<Timestamp>,
) {
    if let Some(at) = at {
        facts.push((name, at.to_string()));
    }
}

/// The first 200 characters of a text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(more: &Value) -> ExecutionView {
        let mut view = json!({"schedulerTaskId": 7, "status": "CANCELED"});
        let more = more.as_object().unwrap().clone();
        view.as_object_mut().unwrap().extend(more);
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn a_cleanup_is_told_like_the_execution_that_it_is() {
        let attempt = json!({"attempt": 3, "outcome": "failed", "counted": true, "workerName": "w1", "exitCode": 4,
            "startedAt": "2026-03-01T00:00:00.000Z", "endedAt": "2026-03-01T00:00:00.012Z"});
        let owed = json!({"schedulerTaskId": 12, "status": "FAILED", "attemptCount": 3, "maxAttempts": 3,
            "lastError": "exit code 4", "attempts": [attempt]});
        let expected = [
            ("state", "CANCELED"),
            ("cleanup", "FAILED (execution 12)"),
            ("cleanup attempts", "3 of 3"),
            ("cleanup error", "exit code 4"),
            (
                "cleanup attempt",
                "#3 failed after 12 ms, exit code 4, on w1",
            ),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(execution(&view(&json!({ "cleanup": owed }))), expected);
        let held = json!({"schedulerTaskId": 12, "status": "PENDING", "phase": "BLOCKED",
            "blockedBy": "stop_unproven"});
        let told = execution(&view(&json!({ "cleanup": held })));
        let expected = "PENDING BLOCKED (stop_unproven) (execution 12)".to_owned();
        assert_eq!(told[1], ("cleanup", expected));
    }

    #[test]
    fn a_list_shows_a_cleanup_until_it_has_succeeded() {
        let told = |cleanup: Value| {
            let read = json!({"status": "CANCELED", "phase": null, "cleanup": cleanup});
            summary(&serde_json::from_value(read).unwrap())
        };
        assert_eq!(told(json!("FAILED")), "CANCELED, cleanup FAILED");
        assert_eq!(told(json!("PENDING")), "CANCELED, cleanup PENDING");
        assert_eq!(told(json!("SUCCEEDED")), "CANCELED");
        assert_eq!(told(Value::Null), "CANCELED");
    }
}
