//! Lists the queues of a namespace.

use taskpilot_api::page::{NameCursor, Page, page_limit};
use taskpilot_api::queues::{LastChangeRecord, ListQueues, PauseRecord, QueueItem};
use taskpilot_domain::names::{Namespace, QueueName};
use taskpilot_domain::queue::MaxRunning;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::queues::QueueRecord;

use crate::app::App;
use crate::http::error::unavailable;

/// A page of them, by name.
pub(crate) async fn list(
    app: &App,
    namespace: &Namespace,
    query: &ListQueues,
) -> Result<Page<QueueItem>, ApiError> {
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let scope = format!("{namespace} queues");
    let after = query.after.as_deref();
    let after = after.map(|text| NameCursor::<QueueName>::decode(text, &scope));
    let after = after.transpose()?.map(|cursor| cursor.after);
    // One more than the page shows whether there is a next one.
    let found = app.store.list_queues(namespace, after, limit + 1).await;
    let mut found = found.map_err(unavailable)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| NameCursor {
        after: last.name.clone(),
    });
    Ok(Page {
        items: found.iter().map(item).collect(),
        next: next.map(|cursor| cursor.encode(&scope)),
    })
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
        last_change: settings.last_change.as_ref().map(|last| LastChangeRecord {
            what: last.what.as_str().to_owned(),
            at: last.at,
            by: last.by.to_string(),
            reason: last.reason.clone(),
        }),
        ready: counts.ready,
        scheduled: counts.scheduled,
        backing_off: counts.backing_off,
        blocked: counts.blocked,
        running: counts.running,
        stopping: counts.stopping,
    }
}
