//! Deletes a task for which nothing runs.

use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::{DeleteOutcome, TaskRecord};

use crate::app::App;
use crate::executions::read::ask;
use crate::http::error::{has_children, no_task, running, unavailable, undeletable};
use crate::scheduler::translate::Asked;

/// Deletes a task, now or before. Of one that is bound the scheduler says whether it has ended; the
/// store judges that again in the commit.
pub(crate) async fn delete(
    app: &App,
    context: &RequestContext,
    id: TaskId,
) -> Result<(), ApiError> {
    let task = match commit(app, context, (id, None)).await? {
        DeleteOutcome::Bound(task) => task,
        outcome => return told(id, &outcome),
    };
    let ended = ended(app, context, &task).await?;
    told(id, &commit(app, context, (id, Some(ended))).await?)
}

async fn commit(
    app: &App,
    context: &RequestContext,
    (id, ended): (TaskId, Option<ExecutionId>),
) -> Result<DeleteOutcome, ApiError> {
    let deleted = app
        .store
        .delete_task(app.now(), &context.namespace, id, ended)
        .await;
    deleted.map_err(unavailable)
}

/// The execution of a task, if it has ended or the scheduler does not know it.
async fn ended(
    app: &App,
    context: &RequestContext,
    task: &TaskRecord,
) -> Result<ExecutionId, ApiError> {
    let execution = task
        .execution
        .ok_or_else(|| ApiError::fault("a bound task without an execution"))?;
    match ask(app, context, (task, execution)).await {
        Ok(view) if view.status.known().is_some_and(State::is_final) => Ok(execution),
        Ok(_) => Err(running()),
        Err(failure) if failure.is_missing() => Ok(execution),
        Err(failure) => Err(failure.not_applied().told(Asked::Read(execution))),
    }
}

fn told(id: TaskId, outcome: &DeleteOutcome) -> Result<(), ApiError> {
    match outcome {
        DeleteOutcome::Deleted => Ok(()),
        DeleteOutcome::Binding => Err(undeletable()),
        DeleteOutcome::Bound(_) => Err(running()),
        DeleteOutcome::HasChildren => Err(has_children()),
        DeleteOutcome::Missing => Err(no_task(id)),
    }
}
