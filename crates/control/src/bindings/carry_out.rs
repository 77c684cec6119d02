//! Carries out a cancel that was committed while its task was binding.

use taskpilot_api::extensions::{Extension, Extensions};
use taskpilot_api::scheduler::CancelExecution;
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::retention::may_be_forgotten;
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::{self as fault, Step};
use taskpilot_store::StoreError;
use taskpilot_store::rows::bindings::{BindingRecord, CancelIntent};

use crate::app::App;
use crate::scheduler::reach;
use crate::scheduler::translate::{SchedulerFailure, success};

/// Settled for good, or why it has to be tried again.
type Settled = Result<(), SchedulerFailure>;

/// By the key: whatever stands under it, now or ever, is canceled.
pub(crate) async fn by_key(
    app: &App,
    on: &OnBehalf,
    (record, intent): (&BindingRecord, &CancelIntent),
    offers: &Extensions,
) -> Result<Settled, StoreError> {
    let command = command(intent, offers);
    let key = record.request.key.as_str();
    let call = app.scheduler.cancel_by_key(on, key, Some(&command), None);
    match success(fault::around(Step::CancelSend, call, reach::cut).await) {
        // A conflict is an answer for good: what stands under the key has ended by itself.
        Err(failure) if !failure.is_conflict() => Ok(Err(failure)),
        Ok(_) | Err(_) => settle(app, record).await,
    }
}

/// By the id, once the task is bound.
pub(crate) async fn by_id(
    app: &App,
    on: &OnBehalf,
    (record, intent, execution): (&BindingRecord, &CancelIntent, ExecutionId),
) -> Result<Settled, StoreError> {
    let offers = match reach::offers(&app.scheduler, on, Some(execution.get())).await {
        Ok(offers) => offers,
        Err(failure) => return Ok(Err(failure)),
    };
    let command = CancelExecution {
        reference: Some(record.request.key.to_string()),
        ..command(intent, &offers)
    };
    let command = offers.has(Extension::CancelByKey).then_some(&command);
    let call = app.scheduler.cancel(on, execution.get(), command, None);
    match success(fault::around(Step::CancelSend, call, reach::cut).await) {
        Err(failure) if failure.is_missing() => {
            alarm(
                app.now(),
                &failure,
                (record.task, record.begun_at),
                execution,
            );
            settle(app, record).await
        }
        Err(failure) if !failure.is_conflict() => Ok(Err(failure)),
        Ok(_) | Err(_) => settle(app, record).await,
    }
}

/// The scheduler does not know what a task is bound to: it lost it, or the id is somebody else's
/// after a restore. Of what was not begun lately it may as well be that it is forgotten, as it should.
pub(crate) fn alarm(
    now: Timestamp,
    failure: &SchedulerFailure,
    (task, since): (TaskId, Timestamp),
    execution: ExecutionId,
) {
    if may_be_forgotten(now, since) && !failure.is_foreign() {
        return;
    }
    tracing::error!(
        invariant = "a bound task has one execution",
        %task,
        %execution,
        "the scheduler does not know the execution of a task"
    );
}

fn command(intent: &CancelIntent, offers: &Extensions) -> CancelExecution {
    CancelExecution {
        reason: intent.reason.clone(),
        reference: None,
        cascade: intent.cascade && offers.has(Extension::Families),
    }
}

async fn settle(app: &App, record: &BindingRecord) -> Result<Settled, StoreError> {
    let (task, key) = (record.task, &record.request.key);
    app.store.settle_cancel(app.now(), task, key).await?;
    Ok(Ok(()))
}
