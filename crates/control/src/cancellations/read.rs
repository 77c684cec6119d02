//! Reads a cancellation, also as soon as it comes on.

use std::time::Duration;

use taskpilot_api::errors::ErrorCode;
use taskpilot_domain::ids::CancellationId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_server::waiting::Seat;
use taskpilot_store::rows::cancellations::CancellationRecord;

use crate::app::App;
use crate::http::error::unavailable;

/// One of the namespace.
pub(crate) async fn cancellation(
    app: &App,
    namespace: &Namespace,
    id: CancellationId,
) -> Result<CancellationRecord, ApiError> {
    let found = app.store.get_cancellation(namespace, id).await;
    found.map_err(unavailable)?.ok_or_else(|| missing(id))
}

/// The same as soon as it differs from what it is now, or when the time is over. One that is done
/// never does.
pub(crate) async fn changed(
    app: &App,
    (namespace, id): (&Namespace, CancellationId),
    (wait, seat): (Duration, &Seat),
) -> Result<CancellationRecord, ApiError> {
    let mut changes = app.carried_on.subscribe();
    let first = cancellation(app, namespace, id).await?;
    if first.completed_at.is_some() {
        return Ok(first);
    }
    let waiting = async {
        while changes.changed().await.is_ok() {
            let now = cancellation(app, namespace, id).await;
            if now.is_ok_and(|now| now != first) {
                return;
            }
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(wait, waiting) => {}
        () = seat.closing() => {}
    }
    cancellation(app, namespace, id).await
}

pub(super) fn missing(id: CancellationId) -> ApiError {
    let detail = format!("There is no cancellation {id}.");
    ApiError::new(ErrorCode::CancellationNotFound, detail)
}
