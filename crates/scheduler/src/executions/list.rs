//! Lists executions: a page of them, or those of some ids.

use taskpilot_api::page::{Cursor, InvalidCursor, Page, page_limit};
use taskpilot_api::scheduler::{Execution, ListExecutions};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::executions::{ExecutionFilter, ExecutionSummary};

use super::describe;
use crate::app::App;
use crate::http::error::unavailable;

/// A page, newest first, or those of the ids that the query names.
pub(crate) async fn list(
    app: &App,
    namespace: &Namespace,
    query: &ListExecutions,
) -> Result<Page<Execution>, ApiError> {
    if let Some(ids) = query.ids().map_err(ApiError::invalid_query)? {
        let found = app.store.find_executions(namespace, ids).await;
        return Ok(Page {
            items: told(app, &found.map_err(unavailable)?),
            next: None,
        });
    }
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let scope = format!("{namespace} {}", query.scope());
    let before = query.after.as_deref().map(|text| before(text, &scope));
    // One more than the page shows whether there is a next one.
    let filter = ExecutionFilter {
        states: query.state.into_iter().collect(),
        before: before.transpose()?,
        limit: limit + 1,
    };
    let found = app.store.list_executions(namespace, filter).await;
    let mut found = found.map_err(unavailable)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    Ok(Page {
        items: told(app, &found),
        next: found
            .last()
            .filter(|_| more)
            .map(|last| after(last, &scope)),
    })
}

fn before(text: &str, scope: &str) -> Result<ExecutionId, InvalidCursor> {
    let cursor = Cursor::decode(text, scope)?;
    ExecutionId::new(cursor.after).map_err(|_| InvalidCursor::Malformed)
}

fn after(last: &ExecutionSummary, scope: &str) -> String {
    let after = last.id.get();
    Cursor { after }.encode(scope)
}

fn told(app: &App, found: &[ExecutionSummary]) -> Vec<Execution> {
    let now = app.clock.now();
    let told = found.iter().map(|one| describe::summary(one, now));
    told.collect()
}
