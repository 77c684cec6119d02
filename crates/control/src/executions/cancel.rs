//! The stop button: cancels the execution of a task.

use std::sync::Arc;
use std::time::Duration;

use taskpilot_api::executions::ExecutionView;
use taskpilot_api::extensions::{Extension, Extensions};
use taskpilot_api::headers::PREFERENCE_APPLIED;
use taskpilot_api::problem::Outcome;
use taskpilot_api::scheduler::{CancelExecution, Execution};
use taskpilot_client::transport::Answer;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_fault::{self as fault, Step};
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::bindings::{
    BindingRecord, CancelIntent, IntendCancelOutcome, OwedCancel,
};
use taskpilot_store::rows::tasks::TaskRecord;

use super::view;
use crate::app::App;
use crate::bindings::bind::driven;
use crate::bindings::carry_out::{self, alarm};
use crate::bindings::drive::{Driven, Errand};
use crate::bindings::flights::board;
use crate::http::error::{no_task, not_bound, unavailable};
use crate::scheduler::translate::{Asked, SchedulerFailure, success};
use crate::scheduler::{behalf, reach};
use crate::tasks::read::task;

/// What the caller wants beside the cancel.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Why, for people.
    pub(crate) reason: Option<String>,
    /// Whether all that is below is canceled too. A scheduler without families has nothing below.
    pub(crate) cascade: bool,
    /// How long to wait for the end of the work.
    pub(crate) wait: Option<Duration>,
}

/// The verdict is committed.
#[derive(Debug)]
pub(crate) enum Canceled {
    /// And that is all that is known.
    Decided,
    /// And the stop is settled.
    Settled,
    /// And the stop is not settled: this is how far it has come.
    Open {
        /// The execution as it is told.
        view: Box<ExecutionView>,
        /// Whether the scheduler waited as it was asked to.
        honoured: bool,
    },
}

/// Cancels the execution of a task; one that is binding is canceled before it can begin.
pub(crate) async fn cancel(
    app: &Arc<App>,
    context: &RequestContext,
    id: TaskId,
    wish: Wish,
) -> Result<Canceled, ApiError> {
    let task = task(app, &context.namespace, id).await?;
    match task.status {
        TaskStatus::Bound => cancel_bound(app, context, &task, &wish).await,
        TaskStatus::Binding => cancel_binding(app, context, id, wish).await,
        TaskStatus::Pending | TaskStatus::Canceled => Err(not_bound()),
    }
}

async fn cancel_bound(
    app: &App,
    context: &RequestContext,
    task: &TaskRecord,
    wish: &Wish,
) -> Result<Canceled, ApiError> {
    let execution = task.execution.ok_or_else(not_bound)?;
    let canceled = send(app, context, (task, execution), wish).await;
    canceled.map_err(|failure| {
        if failure.is_missing() {
            alarm(app.now(), &failure, (task.id, task.created_at), execution);
        }
        failure.told(Asked::Cancel(execution))
    })
}

async fn send(
    app: &App,
    context: &RequestContext,
    (task, execution): (&TaskRecord, ExecutionId),
    wish: &Wish,
) -> Result<Canceled, SchedulerFailure> {
    let on = behalf::of_request(context);
    let id = execution.get();
    let offers = reach::offers(&app.scheduler, &on, Some(id)).await?;
    let command = CancelExecution {
        reason: wish.reason.clone(),
        reference: task.binding_key.clone(),
        cascade: wish.cascade && offers.has(Extension::Families),
    };
    let command = offers.has(Extension::CancelByKey).then_some(&command);
    let wait = wish.wait.filter(|_| offers.has(Extension::Wait));
    let call = app.scheduler.cancel(&on, id, command, wait);
    let answer = success(fault::around(Step::CancelSend, call, reach::cut).await)?;
    Ok(canceled(&answer, wait))
}

/// Any success is the verdict. The body is of use only where a wait came to nothing, and what the
/// scheduler does not say of the wait is not said by us.
fn canceled(answer: &Answer, wait: Option<Duration>) -> Canceled {
    let honoured = answer.headers.contains_key(PREFERENCE_APPLIED);
    match (wait, answer.status.as_u16()) {
        (Some(_), 202) => match answer.read::<Execution>() {
            Ok(execution) => Canceled::Open {
                view: Box::new(view::of(execution)),
                honoured,
            },
            Err(_) => Canceled::Decided,
        },
        (Some(_), _) if honoured => Canceled::Settled,
        (Some(_) | None, _) => Canceled::Decided,
    }
}

/// The intent is committed first: whatever happens to this call, it will be carried out.
async fn cancel_binding(
    app: &Arc<App>,
    context: &RequestContext,
    id: TaskId,
    wish: Wish,
) -> Result<Canceled, ApiError> {
    let now = app.now();
    let intent = CancelIntent {
        requested_at: now,
        requested_by: context.principal.clone(),
        reason: wish.reason.clone(),
        cascade: wish.cascade,
        request_id: Some(context.request_id.clone()),
    };
    let intended = app
        .store
        .intend_cancel(now, &context.namespace, id, intent)
        .await;
    let record = match intended.map_err(unavailable)? {
        IntendCancelOutcome::Intended(record) => record,
        IntendCancelOutcome::Bound(task) => return cancel_bound(app, context, &task, &wish).await,
        IntendCancelOutcome::Unbound => return Err(not_bound()),
        IntendCancelOutcome::Missing => return Err(no_task(id)),
    };
    let on = behalf::of_request(context);
    let offers = reach::offers(&app.scheduler, &on, None).await;
    let offers = offers.map_err(told_of_intent)?;
    let errand = Errand {
        record,
        request_id: context.request_id.clone(),
    };
    if !offers.has(Extension::CancelByKey) {
        return cancel_once_bound(app, context, errand.record, &wish).await;
    }
    carry_out_earlier(app, &errand, &offers).await?;
    let wish = Wish {
        wait: wish.wait.filter(|_| offers.has(Extension::Wait)),
        cascade: wish.cascade && offers.has(Extension::Families),
        ..wish
    };
    cancel_by_key(app, context, errand, &wish).await
}

/// Those that are owed from before this one, so that the first of them is the verdict.
async fn carry_out_earlier(
    app: &App,
    errand: &Errand,
    offers: &Extensions,
) -> Result<(), ApiError> {
    let cancels = &errand.record.cancels;
    for owed in &cancels[..cancels.len().saturating_sub(1)] {
        let settled = carry_out::by_key(app, (errand, owed), offers).await;
        settled
            .map_err(|error| unavailable(error).outcome(Outcome::Unknown))?
            .map_err(told_of_intent)?;
    }
    Ok(())
}

/// By the key, which needs no binding: what is created under it later is canceled already.
async fn cancel_by_key(
    app: &Arc<App>,
    context: &RequestContext,
    mut errand: Errand,
    wish: &Wish,
) -> Result<Canceled, ApiError> {
    let on = behalf::of_request(context);
    let command = CancelExecution {
        reason: wish.reason.clone(),
        reference: None,
        cascade: wish.cascade,
    };
    let key = errand.record.request.key.as_str();
    let call = app
        .scheduler
        .cancel_by_key(&on, key, Some(&command), wish.wait);
    let outcome = success(fault::around(Step::CancelSend, call, reach::cut).await);
    if outcome
        .as_ref()
        .err()
        .is_none_or(SchedulerFailure::is_conflict)
    {
        settle(app, &errand.record, errand.record.cancels.last()).await;
        // The task shows its execution soon, and nobody has to wait for that.
        errand.record.cancels.clear();
        board(app, errand);
    }
    match outcome {
        Ok(answer) => Ok(canceled(&answer, wish.wait)),
        Err(conflict) if conflict.is_conflict() => Err(conflict.told(Asked::CancelByKey)),
        Err(failure) => Err(told_of_intent(failure)),
    }
}

/// A scheduler without keys: the create has to come to its end first.
async fn cancel_once_bound(
    app: &Arc<App>,
    context: &RequestContext,
    record: BindingRecord,
    wish: &Wish,
) -> Result<Canceled, ApiError> {
    match driven(app, context, record.clone()).await? {
        Driven::Bound(task) => {
            let canceled = cancel_bound(app, context, &task, wish).await?;
            // It does not tell one caller from another.
            settle(app, &record, &record.cancels).await;
            Ok(canceled)
        }
        Driven::Open(failure) => Err(told_of_intent(failure)),
        Driven::Refused(_) | Driven::Over => Err(not_bound().outcome(Outcome::NotApplied)),
        Driven::Broken(cause) => Err(ApiError::fault(cause).outcome(Outcome::Unknown)),
    }
}

/// The verdict has fallen, whatever the store does now: while an intent is owed the reconciler
/// carries it out again, which changes nothing, and settles it.
async fn settle(
    app: &App,
    record: &BindingRecord,
    carried_out: impl IntoIterator<Item = &OwedCancel>,
) {
    let (task, key) = (record.task, &record.request.key);
    for owed in carried_out {
        let settled = app.store.settle_cancel(app.now(), (task, key), owed.number);
        if let Err(error) = settled.await {
            tracing::warn!(%task, %key, %error, "a cancel was carried out and could not be settled");
        }
    }
}

/// The intent stays and will be carried out, so that nobody can say that it was not applied.
fn told_of_intent(failure: SchedulerFailure) -> ApiError {
    failure.unknown().told(Asked::CancelByKey)
}
