//! Waiting for the end of an execution, or for the proof of a stop, through outages of ours.

mod patience;

use std::time::Duration;

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::executions::ExecutionView;
use taskpilot_api::open::BlockedByWord;
use taskpilot_api::tasks::Task;
use taskpilot_client::ClientError;
use taskpilot_client::tasks::{Seen, TasksClient};
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::execution::{BlockedBy, State};
use taskpilot_domain::stop::StopStatus;

pub(super) use patience::Patience;

use crate::exit::{Code, Failure};

/// Looks at an execution until `settled` says yes or the time is over; `seen` is told of each look.
///
/// Gives the last look, and whether it was settled.
pub(super) async fn until(
    client: &TasksClient,
    id: i64,
    patience: &mut Patience,
    settled: impl Fn(&ExecutionView) -> bool,
    mut seen: impl FnMut(&ExecutionView),
) -> Result<(ExecutionView, bool), Failure> {
    let (mut last, mut known) = (None, None);
    loop {
        let tag: Option<&str> = known.as_deref();
        let wait = tag.map_or(Duration::ZERO, |_| patience.to_spare());
        // Who knows nothing yet is answered at once: then it is the server's turn to wait.
        let mut next = Next::Pause;
        match patience.answer(|| look(client, id, tag, wait)).await {
            Ok(Look::Execution(now)) => {
                patience.nothing_is_in_the_way();
                next = Next::after(tag, &now);
                known = now.tag;
                if let Some(view) = now.view {
                    seen(&view);
                    if settled(&view) {
                        return Ok((*view, true));
                    }
                    last = Some(*view);
                }
            }
            Ok(Look::Binding(task)) => patience.wait_because(&being_bound(&task)),
            Err(Failure::Coded(Code::TimedOut, why)) => return ran_out(last, why),
            Err(failure) => return Err(failure),
        }
        if let Err(ran_out_of_time) = next.reach(patience).await {
            return ran_out(last, ran_out_of_time.to_string());
        }
    }
}

/// What comes between two looks.
enum Next {
    /// Nothing: the server waits, or is asked to for the first time.
    AtOnce,
    /// A pause of our own.
    Pause,
}

impl Next {
    fn after(tag: Option<&str>, look: &Seen) -> Self {
        if look.waited || (tag.is_none() && look.tag.is_some()) {
            Self::AtOnce
        } else {
            Self::Pause
        }
    }

    async fn reach(self, patience: &mut Patience) -> Result<(), Failure> {
        match self {
            Self::AtOnce => patience.go_on(),
            Self::Pause => patience.pause().await,
        }
    }
}

fn ran_out(last: Option<ExecutionView>, why: String) -> Result<(ExecutionView, bool), Failure> {
    match last {
        Some(view) => Ok((view, false)),
        None => Err(Failure::Coded(Code::TimedOut, why)),
    }
}

/// What one look found.
enum Look {
    /// The execution.
    Execution(Seen),
    /// None yet: the task is being bound, or was bound just now.
    Binding(Box<Task>),
}

async fn look(
    client: &TasksClient,
    id: i64,
    known: Option<&str>,
    wait: Duration,
) -> Result<Look, Failure> {
    match client.execution_changed(id, known, wait).await {
        Ok(seen) => Ok(Look::Execution(seen)),
        Err(error) if is_not_bound(&error) => {
            let task = client.get(id).await?;
            if may_be_bound_yet(&task) {
                Ok(Look::Binding(Box::new(task)))
            } else {
                Err(Failure::Coded(Code::Conflict, never_bound(&task)))
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a call was refused because the task has no execution.
pub(super) fn is_not_bound(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { problem, .. }
        if problem.error_code() == Some(ErrorCode::TaskNotBound))
}

/// Whether an execution comes by itself: not for a binding that only an operator can end.
fn may_be_bound_yet(task: &Task) -> bool {
    match task.status {
        TaskStatus::Bound => true,
        TaskStatus::Binding => task.bind_error.as_ref().is_none_or(|error| {
            error.code != "unknown_outcome" && error.code != ErrorCode::BindingKeyExpired.as_str()
        }),
        TaskStatus::Pending | TaskStatus::Canceled => false,
    }
}

fn being_bound(task: &Task) -> String {
    format!("task {} is being bound{}", task.id, because(task))
}

fn never_bound(task: &Task) -> String {
    match task.status {
        TaskStatus::Canceled => format!("task {} was withdrawn: it never runs", task.id),
        TaskStatus::Binding => format!("task {} cannot be bound{}", task.id, because(task)),
        TaskStatus::Pending | TaskStatus::Bound => {
            let id = task.id;
            format!(
                "task {id} is not bound{}: taskpilot task bind {id}",
                because(task)
            )
        }
    }
}

fn because(task: &Task) -> String {
    let error = task.bind_error.as_ref();
    error
        .map(|error| format!(" ({})", error.detail.trim_end_matches('.')))
        .unwrap_or_default()
}

/// Whether the verdict has fallen.
pub(super) fn is_final(view: &ExecutionView) -> bool {
    view.status.known().is_some_and(State::is_final)
}

/// The exit code that tells the end of an execution.
pub(super) fn end_code(view: &ExecutionView, settled: bool) -> Code {
    if !settled {
        return Code::TimedOut;
    }
    match view.status.known() {
        Some(State::Failed) => Code::TaskFailed,
        Some(State::Canceled) => Code::TaskCanceled,
        Some(State::Succeeded | State::Pending | State::Running) | None => Code::Ok,
    }
}

/// How far the stop of a canceled execution has come; a scheduler that keeps no stops says nothing.
pub(super) fn stop_status(view: &ExecutionView) -> Option<StopStatus> {
    view.stop.as_ref().and_then(|stop| stop.status.known())
}

/// Whether there is nothing more to wait for in a stop.
pub(super) fn stop_is_settled(view: &ExecutionView) -> bool {
    is_final(view) && stop_status(view).is_none_or(|status| status.is_settled() || gave_up(status))
}

/// Whether the worker said that it cannot end the work.
fn gave_up(status: StopStatus) -> bool {
    matches!(status, StopStatus::Abandoned | StopStatus::Stuck)
}

/// Whether nothing more comes of the cleanup: none is owed, it has ended, or it is held back by a stop
/// that was given up.
pub(super) fn cleanup_is_over(view: &ExecutionView) -> bool {
    let Some(owed) = &view.cleanup else {
        return true;
    };
    let held = owed.blocked_by.as_ref().and_then(BlockedByWord::known);
    let is_held = held == Some(BlockedBy::StopUnproven);
    is_final(owed) || (is_held && stop_status(view).is_some_and(gave_up))
}

/// The exit code of the cleanup that was waited for.
pub(super) fn cleanup_code(view: &ExecutionView) -> Code {
    let owed = view.cleanup.as_ref();
    match owed.map(|owed| owed.status.known()) {
        None | Some(Some(State::Succeeded)) => Code::Ok,
        Some(Some(State::Failed | State::Canceled)) => Code::CleanupFailed,
        Some(Some(State::Pending | State::Running) | None) => Code::TimedOut,
    }
}

/// The exit code of a cancel that was waited for: 0 only for a proof.
pub(super) fn stop_code(view: &ExecutionView) -> Code {
    match stop_status(view) {
        Some(StopStatus::NotNeeded | StopStatus::Stopped) => Code::Ok,
        Some(StopStatus::Presumed) | None => Code::StopNotProven,
        Some(StopStatus::Abandoned | StopStatus::Stuck) => Code::StopGivenUp,
        Some(StopStatus::Requested | StopStatus::Delivered | StopStatus::Acknowledged) => {
            Code::TimedOut
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(stop: &str, cleanup: &Value) -> ExecutionView {
        let view = json!({"schedulerTaskId": 1, "status": "CANCELED", "stop": {"status": stop},
            "cleanup": cleanup});
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn a_cleanup_is_waited_for_until_it_has_ended_or_nothing_can_begin_it() {
        let owed = |status: &str| json!({"schedulerTaskId": 2, "status": status});
        let held = json!({"schedulerTaskId": 2, "status": "PENDING", "phase": "BLOCKED",
            "blockedBy": "stop_unproven"});
        for (stop, cleanup, over, code) in [
            ("STOPPED", Value::Null, true, Code::Ok),
            ("STOPPED", owed("PENDING"), false, Code::TimedOut),
            ("STOPPED", owed("RUNNING"), false, Code::TimedOut),
            ("STOPPED", owed("SUCCEEDED"), true, Code::Ok),
            ("PRESUMED", owed("FAILED"), true, Code::CleanupFailed),
            ("STOPPED", owed("CANCELED"), true, Code::CleanupFailed),
            ("DELIVERED", held.clone(), false, Code::TimedOut),
            ("STUCK", held, true, Code::TimedOut),
            // Released: it can begin.
            ("STUCK", owed("PENDING"), false, Code::TimedOut),
        ] {
            let view = view(stop, &cleanup);
            let told = (cleanup_is_over(&view), cleanup_code(&view));
            assert_eq!(told, (over, code), "{stop} {cleanup}");
        }
    }
}
