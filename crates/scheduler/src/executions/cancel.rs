//! Cancels: the verdict at once, and a wait for the proof where that is wanted.

use std::time::Duration;

use taskpilot_api::errors::ErrorCode;
use taskpilot_domain::execution::State;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::stop::StopStatus;
use taskpilot_server::error::ApiError;
use taskpilot_server::waiting::Seat;
use taskpilot_store::rows::executions::{CancelOutcome, CancelRequest, ExecutionRecord};

use super::describe;
use crate::app::App;
use crate::http::error::unavailable;

/// A cancel that stands.
pub(crate) struct Canceled {
    /// The execution as it is now.
    pub(crate) record: ExecutionRecord,
    /// Whether there is nothing more to wait for: the stop is proven, presumed, or not needed.
    pub(crate) settled: bool,
}

/// Decides the cancel.
pub(crate) async fn verdict(app: &App, request: CancelRequest) -> Result<Canceled, ApiError> {
    let cascades = request.cascade;
    let outcomes = app
        .store
        .cancel_executions(app.clock.now(), vec![request])
        .await;
    let outcome = outcomes.map_err(unavailable)?.pop();
    if cascades || outcome.as_ref().is_some_and(closes_by_itself) {
        // The loop would find what is left to decide by itself, a little later.
        app.descendants.wake();
    }
    match outcome {
        Some(CancelOutcome::Canceled(record) | CancelOutcome::Already(record)) => {
            Ok(standing(record))
        }
        Some(CancelOutcome::Refused(record)) => Err(refused(record.summary.standing.state)),
        Some(CancelOutcome::Missing) => Err(missing("there is no such execution")),
        Some(CancelOutcome::OtherReference) => {
            Err(missing("the execution under this id has another reference"))
        }
        None => Err(ApiError::fault("a cancel without an outcome")),
    }
}

fn closes_by_itself(outcome: &CancelOutcome) -> bool {
    matches!(outcome, CancelOutcome::Canceled(record) if record.options.cancel_children)
}

/// Waits for the end of the stop, at most `wait`, and gives the execution as it is then. The verdict
/// stands whatever a look says: one that fails ends the wait and not the answer.
pub(crate) async fn proof(
    app: &App,
    namespace: &Namespace,
    canceled: Canceled,
    wait: Duration,
    seat: &Seat,
) -> Canceled {
    let id = canceled.record.summary.id;
    let mut last = canceled;
    let waiting = async {
        let mut changes = app.hub.watch_execution(id);
        while let Ok(Some(record)) = app.store.get_execution(namespace, id).await {
            last = standing(record);
            if last.settled || gave_up(&last.record) || changes.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(wait, waiting) => {}
        () = seat.closing() => {}
    }
    last
}

fn standing(record: ExecutionRecord) -> Canceled {
    let settled = describe::stop_status(&record).is_none_or(StopStatus::is_settled);
    Canceled { record, settled }
}

/// The worker says that it cannot end the work: waiting longer tells nothing new.
fn gave_up(record: &ExecutionRecord) -> bool {
    let status = describe::stop_status(record);
    matches!(status, Some(StopStatus::Stuck | StopStatus::Abandoned))
}

fn refused(state: State) -> ApiError {
    let detail = format!("the execution has ended as {}", state.as_str());
    ApiError::new(ErrorCode::ExecutionConflict, detail)
}

pub(super) fn missing(detail: &str) -> ApiError {
    ApiError::new(ErrorCode::ExecutionNotFound, detail)
}
