//! Withdraws a task that is not bound yet.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::WithdrawOutcome;

use crate::app::App;
use crate::http::error::{binding, bound, no_task, unavailable};

/// Withdraws it, now or before.
pub(crate) async fn withdraw(app: &App, namespace: &Namespace, id: TaskId) -> Result<(), ApiError> {
    let outcome = app.store.withdraw_task(app.now(), namespace, id).await;
    match outcome.map_err(unavailable)? {
        WithdrawOutcome::Withdrawn => Ok(()),
        WithdrawOutcome::Conflict(TaskStatus::Bound) => Err(bound()),
        WithdrawOutcome::Conflict(_) => Err(binding()),
        WithdrawOutcome::Missing => Err(no_task(id)),
    }
}
