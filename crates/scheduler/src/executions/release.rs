//! Releases: an operator takes on what a worker could not end.

use taskpilot_api::errors::ErrorCode;
use taskpilot_domain::stop::StopStatus;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::executions::ExecutionRecord;
use taskpilot_store::rows::stops::{ReleaseOutcome, ReleaseRequest};

use super::cancel::missing;
use crate::app::App;
use crate::http::error::unavailable;

/// Frees what the stop holds; repeatable. Who did it, and why, is kept with the stop and logged.
pub(crate) async fn release(
    app: &App,
    request: ReleaseRequest,
) -> Result<ExecutionRecord, ApiError> {
    let (id, actor, reason) = (request.id, request.actor.clone(), request.reason.clone());
    let outcome = app.store.release_stuck(app.clock.now(), request).await;
    match outcome.map_err(unavailable)? {
        ReleaseOutcome::Released(record) => {
            tracing::warn!(execution = id.get(), %actor, reason, "a stop that failed was released");
            Ok(record)
        }
        ReleaseOutcome::Already(record) => Ok(record),
        ReleaseOutcome::Refused(status) => Err(refused(status)),
        ReleaseOutcome::Missing => Err(missing("there is no such execution")),
        ReleaseOutcome::OtherReference => {
            Err(missing("the execution under this id has another reference"))
        }
    }
}

fn refused(status: Option<StopStatus>) -> ApiError {
    let detail = match status {
        Some(status) => format!("the stop is {}", status.as_str()),
        None => "nothing was stopped".to_owned(),
    };
    ApiError::new(ErrorCode::StopNotStuck, detail)
}
