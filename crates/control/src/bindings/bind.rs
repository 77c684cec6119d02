//! Binds a task: once, whoever asks and however often.

use std::sync::Arc;

use taskpilot_api::bindings::BindTask;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::field::FieldError;
use taskpilot_api::json::JsonText;
use taskpilot_api::problem::Outcome;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::bindings::{BeginBindingOutcome, BindingRecord, BindingRequest};
use taskpilot_store::rows::tasks::TaskRecord;

use super::drive::{Driven, Errand};
use super::flights::board;
use super::parent;
use super::request::{Work, request};
use crate::app::App;
use crate::http::error::{no_task, unavailable, withdrawn};
use crate::scheduler::translate::Asked;
use crate::tasks::read;

/// A task with its execution.
pub(crate) struct Binding {
    pub(crate) task: TaskRecord,
    /// Whether this call began it.
    pub(crate) is_new: bool,
}

/// Binds a task. One that is bound is given back as it is, whatever is asked for.
pub(crate) async fn bind(
    app: &Arc<App>,
    context: &RequestContext,
    id: TaskId,
    body: BindTask,
) -> Result<Binding, ApiError> {
    let task = read::task(app, &context.namespace, id).await?;
    if task.status == TaskStatus::Bound {
        return Ok(Binding {
            task,
            is_new: false,
        });
    }
    if task.status == TaskStatus::Canceled {
        return Err(withdrawn());
    }
    let parent = parent::execution_of(app, &task).await?;
    let request = checked(app, context, (&task, parent), body)?;
    let begun = app
        .store
        .begin_binding(app.now(), &context.namespace, id, request)
        .await;
    let (record, is_new) = match begun.map_err(unavailable)? {
        BeginBindingOutcome::Begun(record) => (record, true),
        BeginBindingOutcome::InProgress(record) => (record, false),
        BeginBindingOutcome::Bound(task) => {
            return Ok(Binding {
                task,
                is_new: false,
            });
        }
        BeginBindingOutcome::Withdrawn => return Err(withdrawn()),
        BeginBindingOutcome::Missing => return Err(no_task(id)),
    };
    let driven = driven(app, context, record).await?;
    Ok(Binding {
        task: told(driven, is_new)?,
        is_new,
    })
}

/// Drives a binding for a caller who waits.
pub(crate) async fn driven(
    app: &Arc<App>,
    context: &RequestContext,
    record: BindingRecord,
) -> Result<Driven, ApiError> {
    let request_id = context.request_id.clone();
    let flight = board(app, Errand { record, request_id });
    let landing = flight.landed().await;
    // The scheduler may have been reached before the store failed.
    landing.map_err(|error| unavailable(error).outcome(Outcome::Unknown))
}

/// What is sent for a binding begun before stands; only for a new one are instants judged.
fn checked(
    app: &App,
    context: &RequestContext,
    (task, parent): (&TaskRecord, Option<ExecutionId>),
    body: BindTask,
) -> Result<BindingRequest, ApiError> {
    let now = app.now();
    let binding = body.resolve()?;
    if task.status == TaskStatus::Pending {
        binding.options.validate(now).map_err(FieldError::from)?;
    }
    let work = Work {
        principal: &context.principal,
        kind: &task.kind,
        payload: JsonText::from_text(task.payload.as_ref()).map_err(ApiError::fault)?,
        parent,
    };
    request(now, work, binding)
}

/// The options are those of the caller who began: nobody else is told which one is at fault.
fn told(driven: Driven, is_new: bool) -> Result<TaskRecord, ApiError> {
    match driven {
        Driven::Bound(task) => Ok(*task),
        Driven::Refused(refusal) if is_new => Err(refusal.told()),
        Driven::Refused(refusal) => Err(refusal.failure.told(Asked::Other)),
        Driven::Open(failure) => Err(failure.told(Asked::Other)),
        Driven::Over => {
            let detail = "The scheduler refused the task while it was asked for.";
            let error = ApiError::new(ErrorCode::SchedulerError, detail);
            Err(error.outcome(Outcome::NotApplied).retryable(true))
        }
        Driven::Broken(cause) => Err(ApiError::fault(cause).outcome(Outcome::Unknown)),
    }
}
