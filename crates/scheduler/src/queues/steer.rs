//! Changes a queue: its limit, its pause.

use taskpilot_api::queues::QueueItem;
use taskpilot_domain::names::QueueName;
use taskpilot_domain::queue::QueueChange;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::queues::QueueRequest;

use super::list::item;
use crate::app::App;
use crate::http::error::unavailable;

/// Applies a change; repeatable. Who changed what is kept in the log.
pub(crate) async fn steer(
    app: &App,
    context: RequestContext,
    name: QueueName,
    change: QueueChange,
) -> Result<QueueItem, ApiError> {
    let request = QueueRequest {
        namespace: context.namespace,
        name,
        change: change.clone(),
    };
    let outcome = app.store.change_queue(app.clock.now(), request).await;
    let outcome = outcome.map_err(unavailable)?;
    if outcome.changed {
        let (queue, principal) = (&outcome.queue.name, &context.principal);
        tracing::info!(%queue, %principal, ?change, "a queue was changed");
    }
    Ok(item(&outcome.queue))
}
