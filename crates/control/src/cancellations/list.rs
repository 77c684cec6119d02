//! Lists cancellations, and the items of one.

use taskpilot_api::cancellations::{
    Cancellation, CancellationItem, ListCancellationItems, ListCancellations,
};
use taskpilot_api::open::Open;
use taskpilot_api::page::{Cursor, InvalidCursor, Page, page_limit};
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::ids::{CancellationId, InvalidId, TaskId};
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::cancellations::CancellationItemFilter;

use super::{describe, read};
use crate::app::App;
use crate::http::error::unavailable;

/// A page of cancellations, newest first.
pub(crate) async fn list(
    app: &App,
    namespace: &Namespace,
    query: ListCancellations,
) -> Result<Page<Cancellation>, ApiError> {
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let scope = format!("{namespace} cancellations");
    let before = after(query.after.as_deref(), &scope, CancellationId::new)?;
    // One more than the page shows whether there is a next one.
    let found = app.store.list_cancellations(namespace, before, limit + 1);
    let mut found = found.await.map_err(unavailable)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map(|record| record.id.get());
    let items = found.into_iter().map(describe::cancellation);
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        next: next(last.filter(|_| more), &scope),
    })
}

/// A page of the items of one, by the ids of their tasks.
pub(crate) async fn items(
    app: &App,
    (namespace, id): (&Namespace, CancellationId),
    query: ListCancellationItems,
) -> Result<Page<CancellationItem>, ApiError> {
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let outcome = query.outcome.map_or("", CancellationOutcome::as_str);
    let scope = format!("{namespace} cancellation {id} outcome={outcome}");
    let filter = CancellationItemFilter {
        outcome: query.outcome,
        after: after(query.after.as_deref(), &scope, TaskId::new)?,
        limit: limit + 1,
    };
    let found = app.store.list_cancellation_items(namespace, id, filter);
    let found = found.await.map_err(unavailable)?;
    let mut found = found.ok_or_else(|| read::missing(id))?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map(|item| item.task.get());
    let items = found.into_iter().map(|item| CancellationItem {
        task_id: item.task,
        outcome: item.outcome.map(Open::Known),
    });
    Ok(Page {
        items: items.collect(),
        next: next(last.filter(|_| more), &scope),
    })
}

fn after<T>(
    text: Option<&str>,
    scope: &str,
    id: fn(i64) -> Result<T, InvalidId>,
) -> Result<Option<T>, InvalidCursor> {
    let read = |text| {
        let cursor = Cursor::decode(text, scope)?;
        id(cursor.after).map_err(|_| InvalidCursor::Malformed)
    };
    text.map(read).transpose()
}

fn next(last: Option<i64>, scope: &str) -> Option<String> {
    last.map(|after| Cursor { after }.encode(scope))
}
