//! Creates a task, and binds it in the same commit where that is asked for.

use std::sync::Arc;

use serde::Serialize;
use taskpilot_api::errors::ErrorCode;
use taskpilot_api::field::FieldError;
use taskpilot_api::tasks::{CreateTask, NewBinding, NewTask};
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::options::{ExecutionOptions, InvalidOption};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::fingerprint::fingerprint;
use taskpilot_store::rows::bindings::{BindingRecord, BindingRequest};
use taskpilot_store::rows::keys::KeyedRequest;
use taskpilot_store::rows::tasks as rows;
use taskpilot_store::rows::tasks::{CreateTaskOutcome, TaskRecord};

use crate::app::App;
use crate::bindings::bind::driven;
use crate::bindings::drive::Driven;
use crate::bindings::parent;
use crate::bindings::request::{Work, request};
use crate::http::error::unavailable;

/// Creates a task, now or before, and gives it as it is now.
///
/// Once the create is committed it is acknowledged, whatever becomes of its binding.
pub(crate) async fn create(
    app: &Arc<App>,
    context: &RequestContext,
    key: Option<IdempotencyKey>,
    body: CreateTask,
) -> Result<TaskRecord, ApiError> {
    let now = app.now();
    let new = checked(app, context, now, (key, body)).await?;
    submit(app, context, now, new).await
}

/// What is to be stored.
pub(super) struct Checked {
    pub(super) new: rows::NewTask,
    /// What is wrong with it, unless it is a repeat.
    pub(super) unless_repeat: Option<ApiError>,
}

/// Commits one that was checked, and binds it where that is wanted.
pub(super) async fn submit(
    app: &Arc<App>,
    context: &RequestContext,
    now: Timestamp,
    checked: Checked,
) -> Result<TaskRecord, ApiError> {
    let outcomes = app.store.create_tasks(now, vec![checked.new]).await;
    let outcome = outcomes.map_err(unavailable)?.into_iter().next();
    acknowledged(app, context, (outcome, checked.unless_repeat)).await
}

/// The task that a create made, now or before; its binding goes on while that is open.
pub(super) async fn acknowledged(
    app: &Arc<App>,
    context: &RequestContext,
    (outcome, unless_repeat): (Option<CreateTaskOutcome>, Option<ApiError>),
) -> Result<TaskRecord, ApiError> {
    match answer_of(outcome, unless_repeat)? {
        (task, None) => Ok(task),
        (task, Some(binding)) => Ok(bound_if_possible(app, context, (task, binding)).await),
    }
}

/// A task, and its binding while that is open.
pub(super) type Created = (TaskRecord, Option<BindingRecord>);

/// What the outcome of a create says to who asked for it.
pub(super) fn answer_of(
    outcome: Option<CreateTaskOutcome>,
    unless_repeat: Option<ApiError>,
) -> Result<Created, ApiError> {
    match outcome.ok_or_else(|| ApiError::fault("a create without an outcome"))? {
        CreateTaskOutcome::Created(task, binding) | CreateTaskOutcome::Replayed(task, binding) => {
            Ok((task, binding))
        }
        CreateTaskOutcome::Mismatch => {
            let detail = "this key came before with another body";
            Err(ApiError::new(ErrorCode::IdempotencyMismatch, detail))
        }
        CreateTaskOutcome::Gone(id) => {
            let detail = format!("Task {id}, which this key created, is deleted.");
            Err(ApiError::new(ErrorCode::TaskDeleted, detail))
        }
        CreateTaskOutcome::NoRepeat => {
            Err(unless_repeat.unwrap_or_else(|| ApiError::fault("a repeat that nobody asked for")))
        }
        CreateTaskOutcome::NoParent => Err(parent::missing()),
    }
}

async fn bound_if_possible(
    app: &Arc<App>,
    context: &RequestContext,
    (task, binding): (TaskRecord, BindingRecord),
) -> TaskRecord {
    if let Ok(Driven::Bound(bound)) = driven(app, context, binding).await {
        return *bound;
    }
    as_it_is(app, task).await
}

/// The task as it is by now, or as it was where that cannot be read.
pub(super) async fn as_it_is(app: &App, task: TaskRecord) -> TaskRecord {
    let now = app.store.get_task(&task.namespace, task.id).await;
    now.ok().flatten().unwrap_or(task)
}

/// What is to be stored, if it is well asked for.
pub(super) async fn checked(
    app: &App,
    context: &RequestContext,
    now: Timestamp,
    (key, body): (Option<IdempotencyKey>, CreateTask),
) -> Result<Checked, ApiError> {
    let key = key.map(|key| keyed(key, &body)).transpose()?;
    let new = body.resolve()?;
    let parent = parent_of(app, context, &new).await;
    begin(now, context, key, (new, parent))
}

/// The execution of the parent, where the task is to be bound at once.
async fn parent_of(
    app: &App,
    context: &RequestContext,
    new: &NewTask,
) -> Result<Option<ExecutionId>, ApiError> {
    let Some(parent) = new.parent else {
        return Ok(None);
    };
    let parent = parent::of(app, &context.namespace, parent).await?;
    let wanted = new.bind.as_ref();
    wanted.map(|_| parent::execution(&parent)).transpose()
}

/// A checked body as the store takes it. What stands in the way of a new task does not stand in the way
/// of a repeat.
pub(super) fn begin(
    now: Timestamp,
    context: &RequestContext,
    key: Option<KeyedRequest>,
    (mut new, parent): (NewTask, Result<Option<ExecutionId>, ApiError>),
) -> Result<Checked, ApiError> {
    let binding = new.bind.take();
    let judged = binding
        .as_ref()
        .map(|binding| judge(&binding.options, now, key.is_some()));
    let is_over = judged.transpose().map_err(refused)?.unwrap_or(false);
    let over = is_over.then(|| refused(InvalidOption::Deadline));
    let (parent, orphan) = match parent {
        Ok(parent) => (parent, None),
        Err(error) if key.is_some() => (None, Some(error)),
        Err(error) => return Err(error),
    };
    let unless_repeat = over.or(orphan);
    let bind = binding
        .map(|binding| begun(now, context, (&new, binding, parent)))
        .transpose()?;
    let new = rows::NewTask {
        namespace: context.namespace.clone(),
        kind: new.r#type,
        title: new.title,
        labels: new.labels,
        payload: Arc::from(new.payload.as_str()),
        key,
        bind,
        cloned_from: None,
        parent: new.parent,
        repeat_only: unless_repeat.is_some(),
    };
    Ok(Checked { new, unless_repeat })
}

fn begun(
    now: Timestamp,
    context: &RequestContext,
    (task, binding, parent): (&NewTask, NewBinding, Option<ExecutionId>),
) -> Result<BindingRequest, ApiError> {
    let work = Work {
        principal: &context.principal,
        kind: &task.r#type,
        payload: task.payload.clone(),
        parent,
    };
    request(now, work, binding)
}

/// Whether only a repeat is good: one is answered although its deadline has passed since.
fn judge(
    options: &ExecutionOptions,
    now: Timestamp,
    may_be_repeat: bool,
) -> Result<bool, InvalidOption> {
    match (options.validate(now), options.deadline) {
        (Err(InvalidOption::Deadline), Some(deadline)) if may_be_repeat => {
            options.validate(deadline.minus_ms(1)).map(|()| true)
        }
        (outcome, _) => outcome.map(|()| false),
    }
}

fn refused(invalid: InvalidOption) -> ApiError {
    FieldError::from(invalid).within("execution").into()
}

/// The key with the fingerprint of everything that the request says.
pub(crate) fn keyed(key: IdempotencyKey, body: &impl Serialize) -> Result<KeyedRequest, ApiError> {
    Ok(KeyedRequest {
        key,
        fingerprint: fingerprint(body).map_err(ApiError::fault)?,
        expired: false,
    })
}
