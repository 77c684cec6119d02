//! Gives a cancellation up: what is not decided yet is left alone.

use taskpilot_api::errors::ErrorCode;
use taskpilot_domain::ids::CancellationId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::cancellations::{CancellationRecord, GiveUpOutcome};

use super::read::missing;
use crate::app::App;
use crate::http::error::unavailable;

/// Repeatable. What was on its way is decided all the same, and told.
pub(crate) async fn give_up(
    app: &App,
    namespace: &Namespace,
    id: CancellationId,
) -> Result<CancellationRecord, ApiError> {
    let given_up = app
        .store
        .give_up_cancellation(app.now(), namespace, id)
        .await;
    match given_up.map_err(unavailable)? {
        GiveUpOutcome::GivenUp(record) => {
            app.cancellations.wake();
            app.carried_on.send_replace(());
            Ok(record)
        }
        GiveUpOutcome::Completed => {
            let detail = "All items of the cancellation are decided.";
            Err(ApiError::new(ErrorCode::CancellationCompleted, detail))
        }
        GiveUpOutcome::Missing => Err(missing(id)),
    }
}
