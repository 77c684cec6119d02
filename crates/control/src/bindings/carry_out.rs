//! Carries out a cancel that was committed while its task was binding, on behalf of whoever asked for it.

use taskpilot_api::extensions::{Extension, Extensions};
use taskpilot_api::scheduler::CancelExecution;
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::retention::may_be_forgotten;
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::{self as fault, Step};
use taskpilot_store::StoreError;
use taskpilot_store::rows::bindings::{BindingRecord, CancelIntent, OwedCancel};

use super::drive::Errand;
use crate::app::App;
use crate::scheduler::translate::{SchedulerFailure, success};
use crate::scheduler::{behalf, reach};

/// Settled for good, or why it has to be tried again.
type Settled = Result<(), SchedulerFailure>;

/// By the key: whatever stands under it, now or ever, is canceled.
pub(crate) async fn by_key(
    app: &App,
    (errand, owed): (&Errand, &OwedCancel),
    offers: &Extensions,
) -> Result<Settled, StoreError> {
    let record = &errand.record;
    let on = asker(errand, &owed.intent);
    let command = command(&owed.intent, offers);
    let key = record.request.key.as_str();
    let call = app.scheduler.cancel_by_key(&on, key, Some(&command), None);
    match success(fault::around(Step::CancelSend, call, reach::cut).await) {
        // A conflict is an answer for good: what stands under the key has ended by itself.
        Err(failure) if !failure.is_conflict() => Ok(Err(failure)),
        Ok(_) | Err(_) => settle(app, record, owed).await,
    }
}

/// By the id, once the task is bound.
pub(crate) async fn by_id(
    app: &App,
    (errand, owed): (&Errand, &OwedCancel),
    execution: ExecutionId,
) -> Result<Settled, StoreError> {
    let record = &errand.record;
    let on = asker(errand, &owed.intent);
    let offers = match reach::offers(&app.scheduler, &on, Some(execution.get())).await {
        Ok(offers) => offers,
        Err(failure) => return Ok(Err(failure)),
    };
    let command = CancelExecution {
        reference: Some(record.request.key.to_string()),
        ..command(&owed.intent, &offers)
    };
    let command = offers.has(Extension::CancelByKey).then_some(&command);
    let call = app.scheduler.cancel(&on, execution.get(), command, None);
    match success(fault::around(Step::CancelSend, call, reach::cut).await) {
        Err(failure) if failure.is_missing() => {
            alarm(
                app.now(),
                &failure,
                (record.task, record.begun_at),
                execution,
            );
            settle(app, record, owed).await
        }
        Err(failure) if !failure.is_conflict() => Ok(Err(failure)),
        Ok(_) | Err(_) => settle(app, record, owed).await,
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

/// Under the name of the call that asked, so that the scheduler knows it for the same one, whoever
/// sends it.
fn asker(errand: &Errand, intent: &CancelIntent) -> OnBehalf {
    let request_id = intent.request_id.as_ref().unwrap_or(&errand.request_id);
    behalf::of(&intent.requested_by, &errand.record.namespace, request_id)
}

async fn settle(
    app: &App,
    record: &BindingRecord,
    owed: &OwedCancel,
) -> Result<Settled, StoreError> {
    let of = (record.task, &record.request.key);
    app.store.settle_cancel(app.now(), of, owed.number).await?;
    Ok(Ok(()))
}
