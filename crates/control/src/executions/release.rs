//! Passes the release of a stop that failed on to the scheduler, in the name of the caller.

use taskpilot_api::executions::{ExecutionView, ReleaseBody};
use taskpilot_api::extensions::Extension;
use taskpilot_api::scheduler::{Execution, ReleaseStuck};
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

/// Frees what the stop of an execution holds; repeatable.
pub(crate) async fn release(
    app: &App,
    context: &RequestContext,
    id: TaskId,
    body: ReleaseBody,
) -> Result<ExecutionView, ApiError> {
    let task = task(app, &context.namespace, id).await?;
    let execution = task.execution.ok_or_else(not_bound)?;
    let released = send(app, context, (&task, execution), body).await;
    released.map(view::of).map_err(|failure| {
        if failure.is_missing() {
            alarm(app.now(), &failure, (task.id, task.created_at), execution);
        }
        failure.told(Asked::Release(execution))
    })
}

async fn send(
    app: &App,
    context: &RequestContext,
    (task, execution): (&TaskRecord, ExecutionId),
    body: ReleaseBody,
) -> Result<Execution, SchedulerFailure> {
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, Some(execution.get())).await?;
    if !offers.has(Extension::ReleaseStuck) {
        return Err(SchedulerFailure::not_offered("releases"));
    }
    let command = ReleaseStuck {
        reason: body.reason,
        attempt: body.attempt,
        reference: task.binding_key.clone(),
    };
    let command = serde_json::to_vec(&command).map_err(SchedulerFailure::unreadable)?;
    let answer = app
        .scheduler
        .release_stuck(&on, execution.get(), command)
        .await;
    success(answer)?
        .read()
        .map_err(SchedulerFailure::unreadable)
}
