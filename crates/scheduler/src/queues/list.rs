//! Lists the queues of a namespace.

use taskpilot_api::queues::{PauseRecord, QueueItem};
use taskpilot_domain::limits::QUEUES_TOLD_MAX;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::queue::MaxRunning;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::queues::QueueRecord;

use crate::app::App;
use crate::http::error::unavailable;

/// The queues by name.
pub(crate) async fn list(app: &App, namespace: &Namespace) -> Result<Vec<QueueItem>, ApiError> {
    let found = app.store.list_queues(namespace, QUEUES_TOLD_MAX).await;
    Ok(found.map_err(unavailable)?.iter().map(item).collect())
}

/// A queue in the words of the wire, counted by the phases that its executions show.
pub(super) fn item(queue: &QueueRecord) -> QueueItem {
    let settings = &queue.settings;
    let counts = queue.counts.by_phase(settings.rule());
    QueueItem {
        name: queue.name.to_string(),
        max_running: settings.max_running.map(MaxRunning::get),
        paused: settings.pause.as_ref().map(|pause| PauseRecord {
            at: pause.at,
            by: pause.by.to_string(),
            reason: pause.reason.clone(),
        }),
        ready: counts.ready,
        scheduled: counts.scheduled,
        backing_off: counts.backing_off,
        blocked: counts.blocked,
        running: counts.running,
        stopping: counts.stopping,
    }
}
