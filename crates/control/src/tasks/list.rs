//! Lists tasks, each with how its execution stands.

use taskpilot_api::page::{Cursor, InvalidCursor, Page, page_limit};
use taskpilot_api::tasks::{ListTasks, ListedExecution, TaskItem};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks as rows;
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
        parent: query.parent,
        title: query.title,
        before: after,
        limit,
    };
    let page = app.store.list_tasks(&context.namespace, filter).await;
    let rows::TaskPage { tasks, next } = page.map_err(unavailable)?;
    let next = next.map(|below| Cursor { after: below.get() }.encode(&scope));
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

fn item(task: TaskRecord, summaries: &Summaries) -> Result<TaskItem, ApiError> {
    let listed = match task.execution {
        None => ListedExecution::None,
        Some(execution) => known(summaries, execution),
    };
    Ok(TaskItem::new(describe::task(task)?, listed))
}

fn known(summaries: &Summaries, execution: ExecutionId) -> ListedExecution {
    match summaries.as_ref().map(|known| known.get(&execution)) {
        None => ListedExecution::Unavailable,
        Some(None) => ListedExecution::NotFound,
        Some(Some(summary)) => ListedExecution::Known(summary.clone()),
    }
}
