//! Reads the execution of a task.

use taskpilot_api::executions::ExecutionView;
use taskpilot_api::scheduler::Execution;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

use super::view;
use crate::app::App;
use crate::bindings::carry_out::alarm;
use crate::http::error::not_bound;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, reach};
use crate::tasks::read::task;

/// How the execution of a task stands, in the scheduler's own word.
pub(crate) async fn read(
    app: &App,
    context: &RequestContext,
    id: TaskId,
) -> Result<ExecutionView, ApiError> {
    let task = task(app, &context.namespace, id).await?;
    let execution = task.execution.ok_or_else(not_bound)?;
    let read = ask(app, context, (&task, execution)).await;
    read.map(view::of).map_err(|failure| {
        if failure.is_missing() {
            alarm(id.get(), execution);
        }
        failure.told(Asked::Read(execution))
    })
}

/// What the scheduler says of the execution of a task.
pub(crate) async fn ask(
    app: &App,
    context: &RequestContext,
    (task, id): (&TaskRecord, ExecutionId),
) -> Result<Execution, SchedulerFailure> {
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, Some(id.get())).await?;
    let answer = success(app.scheduler.get(&on, id.get()).await)?;
    let execution: Execution = answer.read().map_err(SchedulerFailure::unreadable)?;
    if execution.id != id {
        let what = format!("execution {id} was asked for, {} came", execution.id);
        return Err(SchedulerFailure::unreadable(what));
    }
    let reference = execution
        .reference
        .as_deref()
        .filter(|_| reach::takes_our_creates(&offers));
    if reference.is_some() && reference != task.binding_key.as_deref() {
        return Err(SchedulerFailure::missing(
            "the execution has another reference",
        ));
    }
    Ok(execution)
}
