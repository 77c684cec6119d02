//! Reads the execution of a task.

use axum::http::StatusCode;
use taskpilot_api::extensions::Extension;
use taskpilot_api::headers::PREFERENCE_APPLIED;
use taskpilot_api::scheduler::Execution;
use taskpilot_client::scheduler::Watch;
use taskpilot_client::transport::{Answer, NoAnswer};
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::tasks::TaskRecord;

use crate::app::App;
use crate::bindings::carry_out::alarm;
use crate::http::error::not_bound;
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, reach};
use crate::tasks::read::task;

/// A task and its execution.
pub(crate) struct Bound {
    task: TaskRecord,
    execution: ExecutionId,
}

/// What the scheduler tells of an execution.
pub(crate) struct Told {
    /// How it stands; `None` where it is as the reader knew it.
    pub(crate) execution: Option<Execution>,
    /// The `ETag` of that.
    pub(crate) tag: Option<String>,
    /// Whether it waits for changes: it offers to, and where it was to wait, it did.
    pub(crate) waits: bool,
}

/// The task, if it has an execution.
pub(crate) async fn bound(
    app: &App,
    context: &RequestContext,
    id: TaskId,
) -> Result<Bound, ApiError> {
    let task = task(app, &context.namespace, id).await?;
    let execution = task.execution.ok_or_else(not_bound)?;
    Ok(Bound { task, execution })
}

/// How the execution of a task stands, in the scheduler's own word; with a watch, once that differs.
pub(crate) async fn told(
    app: &App,
    context: &RequestContext,
    bound: &Bound,
    watch: Option<Watch<'_>>,
) -> Result<Told, ApiError> {
    let (task, execution) = (&bound.task, bound.execution);
    let told = ask_for(app, context, (task, execution), watch).await;
    told.map_err(|failure| {
        if failure.is_missing() {
            alarm(app.now(), &failure, (task.id, task.created_at), execution);
        }
        failure.told(Asked::Read(execution))
    })
}

/// What the scheduler says of the execution of a task.
pub(crate) async fn ask(
    app: &App,
    context: &RequestContext,
    bound: (&TaskRecord, ExecutionId),
) -> Result<Execution, SchedulerFailure> {
    let told = ask_for(app, context, bound, None).await?;
    let nothing = || SchedulerFailure::unreadable("nothing is told");
    told.execution.ok_or_else(nothing)
}

async fn ask_for(
    app: &App,
    context: &RequestContext,
    (task, id): (&TaskRecord, ExecutionId),
    watch: Option<Watch<'_>>,
) -> Result<Told, SchedulerFailure> {
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, Some(id.get())).await?;
    let asked = app.scheduler.get(&on, id.get(), watch).await;
    if let (Some(_), Some(answer)) = (watch, unchanged(&asked)) {
        return Ok(Told {
            execution: None,
            tag: None,
            waits: has_waited(answer),
        });
    }
    let answer = success(asked)?;
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
        return Err(SchedulerFailure::foreign(
            "the execution has another reference",
        ));
    }
    Ok(Told {
        tag: tag_of(&answer),
        waits: match watch {
            None => offers.has(Extension::WaitForChange),
            Some(_) => has_waited(&answer),
        },
        execution: Some(execution),
    })
}

fn unchanged(asked: &Result<Answer, NoAnswer>) -> Option<&Answer> {
    let answer = asked.as_ref().ok()?;
    (answer.status == StatusCode::NOT_MODIFIED).then_some(answer)
}

fn has_waited(answer: &Answer) -> bool {
    answer.headers.contains_key(PREFERENCE_APPLIED)
}

fn tag_of(answer: &Answer) -> Option<String> {
    let tag = answer.headers.get("etag")?;
    tag.to_str().ok().map(str::to_owned)
}
