//! Lists tasks, each with how its execution stands.

use std::collections::HashMap;

use taskpilot_api::page::{Cursor, InvalidCursor, Page, page_limit};
use taskpilot_api::tasks::{ListTasks, ListedExecution, TaskItem};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::PAGE_BYTES_MAX;
use taskpilot_domain::names::Namespace;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::{TaskFilter, TaskRecord};

use super::describe;
use crate::app::App;
use crate::executions::summaries::{self, Summaries};
use crate::http::error::unavailable;

/// A page of tasks, newest first. Their executions are asked for in one call; where that fails the
/// list goes on without them.
pub(crate) async fn list(
    app: &App,
    context: &RequestContext,
    query: ListTasks,
) -> Result<Page<TaskItem>, ApiError> {
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let scope = format!("{} {}", context.namespace, query.scope());
    let after = query
        .after
        .as_deref()
        .map(|text| before(text, &scope))
        .transpose()?;
    let filter = TaskFilter {
        status: query.status,
        kind: query.r#type,
        labels: query.labels,
        before: after,
        limit,
    };
    let tasks = page(app, &context.namespace, filter.clone()).await?;
    let next = match tasks.last().filter(|_| is_full(&tasks, limit)) {
        Some(last) if has_more(app, &context.namespace, (filter, last.id)).await? => {
            let cursor = Cursor {
                after: last.id.get(),
            };
            Some(cursor.encode(&scope))
        }
        Some(_) | None => None,
    };
    let executions: Vec<ExecutionId> = tasks.iter().filter_map(|task| task.execution).collect();
    let summaries = summaries::of(app, context, &executions).await;
    let items = tasks.into_iter().map(|task| item(task, &summaries));
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        next,
    })
}

fn before(text: &str, scope: &str) -> Result<TaskId, InvalidCursor> {
    let cursor = Cursor::decode(text, scope)?;
    TaskId::new(cursor.after).map_err(|_| InvalidCursor::Malformed)
}

async fn page(
    app: &App,
    namespace: &Namespace,
    filter: TaskFilter,
) -> Result<Vec<TaskRecord>, ApiError> {
    app.store
        .list_tasks(namespace, filter)
        .await
        .map_err(unavailable)
}

/// Whether a page ended at its bounds, and not with the list.
fn is_full(tasks: &[TaskRecord], limit: u32) -> bool {
    let bytes: usize = tasks.iter().map(TaskRecord::bytes).sum();
    tasks.len() >= limit as usize || bytes >= PAGE_BYTES_MAX
}

async fn has_more(
    app: &App,
    namespace: &Namespace,
    (filter, last): (TaskFilter, TaskId),
) -> Result<bool, ApiError> {
    let behind = TaskFilter {
        before: Some(last),
        limit: 1,
        ..filter
    };
    Ok(!page(app, namespace, behind).await?.is_empty())
}

fn item(task: TaskRecord, summaries: &Summaries) -> Result<TaskItem, ApiError> {
    let listed = match task.execution {
        None => ListedExecution::None,
        Some(execution) => known(summaries, execution),
    };
    Ok(TaskItem::new(describe::task(task)?, listed))
}

fn known(summaries: &Summaries, execution: ExecutionId) -> ListedExecution {
    let summaries: Option<&HashMap<_, _>> = summaries.as_ref();
    let found = summaries.and_then(|summaries| summaries.get(&execution));
    found.map_or(ListedExecution::Unavailable, |summary| {
        ListedExecution::Known(summary.clone())
    })
}
