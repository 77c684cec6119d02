//! Clones a task: the same work again, as a task of its own.

use std::sync::Arc;

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::json::JsonText;
use taskpilot_api::problem::Outcome;
use taskpilot_api::scheduler::Execution;
use taskpilot_api::tasks::{CloneTask, NewBinding, NewTask};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::options::{ExecutionOptions, Priority};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

use super::create::{acknowledged, begin, keyed, submit};
use super::read;
use crate::app::App;
use crate::executions::read::ask;
use crate::http::error::unavailable;
use crate::scheduler::translate::{Asked, SchedulerFailure};

/// Creates a task with the type, the payload, the title and the labels that the other has now. It is a
/// task of its own, without a parent.
///
/// A key is looked up first: a repeat is answered also where the other task is deleted since, its
/// execution forgotten, or the scheduler away.
pub(crate) async fn clone(
    app: &Arc<App>,
    context: &RequestContext,
    id: TaskId,
    (key, body): (Option<IdempotencyKey>, CloneTask),
) -> Result<TaskRecord, ApiError> {
    let key = key.map(|key| keyed(key, &(id, &body))).transpose()?;
    let is_like_before = body.is_like_before();
    let said = body.resolve()?;
    if let Some(key) = &key {
        let known = app.store.find_keyed_task(&context.namespace, key).await;
        if let Some(outcome) = known.map_err(unavailable)? {
            return acknowledged(app, context, (Some(outcome), None)).await;
        }
    }
    let task = read::task(app, &context.namespace, id).await?;
    let bind = match task.execution {
        Some(execution) if is_like_before => {
            Some(as_before(app, context, (&task, execution)).await?)
        }
        Some(_) | None => said,
    };
    let now = app.now();
    let mut cloned = begin(now, context, key, (same(task, bind)?, Ok(None)))?;
    cloned.new.cloned_from = Some(id);
    submit(app, context, now, cloned).await
}

fn same(task: TaskRecord, bind: Option<NewBinding>) -> Result<NewTask, ApiError> {
    Ok(NewTask {
        r#type: task.kind,
        title: task.title,
        labels: task.labels,
        payload: JsonText::from_text(task.payload.as_ref()).map_err(ApiError::fault)?,
        parent: None,
        bind,
    })
}

/// How the scheduler runs the other one. Its instants were about that time, and are left out.
async fn as_before(
    app: &App,
    context: &RequestContext,
    (task, execution): (&TaskRecord, ExecutionId),
) -> Result<NewBinding, ApiError> {
    let found = ask(app, context, (task, execution)).await;
    options(found.map_err(|failure| untold(failure, execution))?)
}

/// Defaults in the place of what is forgotten could repeat what was to run once, or in another queue:
/// the caller has to say.
fn untold(failure: SchedulerFailure, execution: ExecutionId) -> ApiError {
    if !failure.is_missing() {
        return failure.not_applied().told(Asked::Read(execution));
    }
    let detail = format!(
        "Scheduler task not found: {execution}. How it was run is not known any more: \
         name a schedulerType or options of the execution."
    );
    ApiError::new(ErrorCode::SchedulerTaskNotFound, detail).outcome(Outcome::NotApplied)
}

/// What was not said is as it is by default.
fn options(execution: Execution) -> Result<NewBinding, ApiError> {
    let mut options = ExecutionOptions::default();
    if let Some(queue) = execution.queue {
        options.queue = queue.parse().map_err(ApiError::fault)?;
    }
    options.priority = execution.priority.map_or(options.priority, Priority);
    options.retry.max_attempts = execution.max_attempts.unwrap_or(options.retry.max_attempts);
    options.attempt_timeout_ms = execution.attempt_timeout_ms;
    options.cancel_grace_ms = execution.cancel_grace_ms.unwrap_or(options.cancel_grace_ms);
    options.cancel_children = execution.cancel_children.unwrap_or(false);
    let kind = execution.r#type.map(|kind| kind.parse()).transpose();
    Ok(NewBinding {
        scheduler_type: kind.map_err(ApiError::fault)?,
        options,
    })
}
