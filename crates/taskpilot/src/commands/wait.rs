//! Waiting for the end of an execution, or for the proof of a stop.

use std::time::Duration;

use taskpilot_api::executions::ExecutionView;
use taskpilot_client::tasks::TasksClient;
use taskpilot_domain::execution::State;
use taskpilot_domain::stop::StopStatus;
use tokio::time::Instant;

use crate::exit::{Code, Failure};

/// Time between two looks: short enough that nobody feels it.
const LOOK: Duration = Duration::from_millis(100);

/// Looks at an execution until `settled` says yes or the time is over; `seen` is told of each look.
///
/// Gives the last look, and whether it was settled.
pub(super) async fn until(
    client: &TasksClient,
    id: i64,
    timeout: Option<Duration>,
    settled: impl Fn(&ExecutionView) -> bool,
    mut seen: impl FnMut(&ExecutionView),
) -> Result<(ExecutionView, bool), Failure> {
    let end = timeout.map(|timeout| now() + timeout);
    loop {
        let view = client.execution(id).await?;
        seen(&view);
        if settled(&view) {
            return Ok((view, true));
        }
        if end.is_some_and(|end| now() >= end) {
            return Ok((view, false));
        }
        pause().await;
    }
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

/// The exit code of a cancel that was waited for: 0 only for a proof.
pub(super) fn stop_code(view: &ExecutionView) -> Code {
    match stop_status(view) {
        Some(StopStatus::NotNeeded | StopStatus::Stopped) => Code::Ok,
        Some(StopStatus::Presumed | StopStatus::Abandoned | StopStatus::Stuck) | None => {
            Code::StopNotProven
        }
        Some(StopStatus::Requested | StopStatus::Delivered | StopStatus::Acknowledged) => {
            Code::TimedOut
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line owns the time it waits"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line owns the pause between two looks"
)]
async fn pause() {
    tokio::time::sleep(LOOK).await;
}
