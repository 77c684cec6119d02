//! Lists the executions of the scheduler, each with its task.

use std::collections::HashMap;

use taskpilot_api::executions::{ExecutionItem, ListExecutionsOfAll};
use taskpilot_api::extensions::Extension;
use taskpilot_api::page::{Page, page_limit};
use taskpilot_api::scheduler::Execution;
use taskpilot_client::transport::Answer;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::Namespace;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;

use crate::app::App;
use crate::http::error::unavailable;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, cursor, reach};

/// A page of executions, newest first; their tasks take one read. The cursor is the scheduler's, passed through.
pub(crate) async fn list(
    app: &App,
    context: &RequestContext,
    query: ListExecutionsOfAll,
) -> Result<Page<ExecutionItem>, ApiError> {
    let limit = page_limit(query.limit).map_err(ApiError::invalid_query)?;
    let after = query.after.map(cursor::passed_on).transpose()?;
    let mut pairs = vec![("limit", limit.to_string())];
    pairs.extend(
        query
            .state
            .map(|state| ("state", state.as_str().to_owned())),
    );
    pairs.extend(after.map(|after| ("after", after)));
    let answer = ask(app, context, &pairs).await.map_err(told)?;
    cursor::taken(&answer)?;
    let answer = success(Ok(answer)).map_err(told)?;
    let page: Page<Execution> = answer
        .read()
        .map_err(SchedulerFailure::unreadable)
        .map_err(told)?;
    let tasks = tasks_of(app, &context.namespace, &page.items).await?;
    let items = page.items.into_iter().map(|execution| {
        let task = tasks.get(&execution.id).copied();
        item(task, execution)
    });
    Ok(Page {
        items: items.collect(),
        next: page.next,
    })
}

async fn tasks_of(
    app: &App,
    namespace: &Namespace,
    executions: &[Execution],
) -> Result<HashMap<ExecutionId, TaskId>, ApiError> {
    let ids: Vec<_> = executions.iter().map(|execution| execution.id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = app.store.find_bound_tasks(namespace, ids).await;
    Ok(found.map_err(unavailable)?.into_iter().collect())
}

async fn ask(
    app: &App,
    context: &RequestContext,
    query: &[(&str, String)],
) -> Result<Answer, SchedulerFailure> {
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, None).await?;
    if !offers.has(Extension::List) {
        return Err(SchedulerFailure::unsupported("lists"));
    }
    let answer = app.scheduler.list(&on, query).await;
    answer.map_err(|silence| SchedulerFailure::of_silence(&silence))
}

/// What a list leaves out stays out, whatever was sent.
fn item(task: Option<TaskId>, execution: Execution) -> ExecutionItem {
    ExecutionItem {
        task_id: task,
        scheduler_task_id: execution.id,
        status: execution.status,
        phase: execution.phase,
        blocked_by: execution.blocked_by,
        r#type: execution.r#type,
        queue: execution.queue,
        priority: execution.priority,
        attempt_count: execution.attempt_count,
        max_attempts: execution.max_attempts,
        next_run_at: execution.next_run_at,
        retry_state: execution.retry_state,
        created_at: execution.created_at,
        scheduled_for: execution.scheduled_for,
        processing_started_at: execution.processing_started_at,
        completed_at: execution.completed_at,
        worker_id: execution.worker_id,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it ends a chain of results")]
fn told(failure: SchedulerFailure) -> ApiError {
    failure.told(Asked::Other)
}
