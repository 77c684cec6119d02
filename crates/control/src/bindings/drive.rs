//! Carries a binding as far as it goes: the one path of requests, repeats, restarts and the loop.

use taskpilot_api::extensions::{Extension, Extensions};
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::PrincipalName;
use taskpilot_fault::{self as fault, Step};
use taskpilot_store::StoreError;
use taskpilot_store::rows::bindings::BindingRecord;
use taskpilot_store::rows::tasks::TaskRecord;

use super::carry_out;
use super::judge::{Form, Refusal, Verdict, judge};
use super::outcome::{self, HOPELESS, Note};
use crate::app::App;
use crate::scheduler::translate::SchedulerFailure;
use crate::scheduler::{behalf, reach};

/// A binding to drive, and the request that is named in both logs.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    pub(crate) record: BindingRecord,
    pub(crate) request_id: String,
}

/// How far it came.
#[derive(Debug, Clone)]
pub(crate) enum Driven {
    /// The task is bound.
    Bound(Box<TaskRecord>),
    /// The scheduler refused for good.
    Refused(Refusal),
    /// It is still open, because of this.
    Open(SchedulerFailure),
    /// Somebody else ended it meanwhile.
    Over,
    /// A fault of ours, which is in the log.
    Broken(String),
}

/// What those who wait for a binding get.
pub(crate) type Landing = Result<Driven, StoreError>;

/// Drives the binding from where it stands now, which may be further than the record tells.
pub(crate) async fn drive(app: &App, errand: &Errand) -> Landing {
    let record = &errand.record;
    let task = app.store.get_task(&record.namespace, record.task).await?;
    let in_force =
        |task: &TaskRecord| task.binding_key.as_deref() == Some(record.request.key.as_str());
    let Some(task) = task.filter(in_force) else {
        return Ok(Driven::Over);
    };
    match (task.status, task.execution) {
        (TaskStatus::Bound, Some(execution)) => {
            if record.execution.is_some() {
                cancel_bound(app, errand, execution).await?;
            }
            Ok(Driven::Bound(Box::new(task)))
        }
        (TaskStatus::Binding, _) => bind(app, errand).await,
        (TaskStatus::Pending | TaskStatus::Canceled | TaskStatus::Bound, _) => Ok(Driven::Over),
    }
}

async fn bind(app: &App, errand: &Errand) -> Landing {
    let record = &errand.record;
    if let Some(error) = &record.refused {
        return outcome::free(app, errand, error.clone()).await;
    }
    if record.plain_sent_at.is_some() {
        return hopeless(app, record, SchedulerFailure::unreadable(HOPELESS)).await;
    }
    let on = on_behalf(errand, &record.request.principal);
    let offers = match reach::offers(&app.scheduler, &on, None).await {
        Ok(offers) => offers,
        Err(failure) => return outcome::keep(app, record, Note::later(app, record, failure)).await,
    };
    // A wish to cancel may have come since the record was read, and the scheduler may have been
    // asked for long: a create that is sent after it would begin what was given up.
    let (task, key) = (record.task, &record.request.key);
    let Some(record) = app.store.get_binding(task, key).await? else {
        return Ok(Driven::Over);
    };
    let errand = &Errand {
        record,
        request_id: errand.request_id.clone(),
    };
    create(app, errand, &offers).await
}

/// The cancels first, so that what is canceled never runs; then the create.
async fn create(app: &App, errand: &Errand, offers: &Extensions) -> Landing {
    let record = &errand.record;
    if record.parent.is_some() && !reach::takes_children(offers) {
        return outcome::refused(app, errand, Refusal::no_families()).await;
    }
    if offers.has(Extension::CancelByKey)
        && let Some(failure) = cancel_by_key(app, errand, offers).await?
    {
        return outcome::keep(app, record, Note::later(app, record, failure)).await;
    }
    if reach::takes_our_creates(offers) {
        let on = on_behalf(errand, &record.request.principal);
        let key = record.request.key.as_str();
        let call = app
            .scheduler
            .create(&on, Some(key), &record.request.extended);
        let answer = fault::around(Step::BindingSend, call, reach::cut).await;
        return conclude(app, errand, judge(Form::Extended, answer)).await;
    }
    send_plain(app, errand).await
}

/// In the order in which they were asked for: the first is the verdict. Why it has to be tried again.
async fn cancel_by_key(
    app: &App,
    errand: &Errand,
    offers: &Extensions,
) -> Result<Option<SchedulerFailure>, StoreError> {
    for owed in &errand.record.cancels {
        match carry_out::by_key(app, (errand, owed), offers).await? {
            Ok(()) => {}
            // Where what stands under the key is forgotten nothing runs, and the create is answered with
            // its loss. The wishes stay owed: should the create be accepted all the same, they are
            // carried out.
            Err(failure) if failure.is_missing() => break,
            Err(failure) => return Ok(Some(failure)),
        }
    }
    Ok(None)
}

/// To a scheduler that does not honour keys: asked whether it is there, marked, sent, never again.
async fn send_plain(app: &App, errand: &Errand) -> Landing {
    let record = &errand.record;
    let on = on_behalf(errand, &record.request.principal);
    match reach::ask(&app.scheduler, &on, None).await {
        Ok(offers) if reach::takes_our_creates(&offers) => {
            // It was replaced by one of ours just now: the next try takes the other way.
            let failure = SchedulerFailure::unreadable("the scheduler changed").not_applied();
            return outcome::keep(app, record, Note::later(app, record, failure)).await;
        }
        Ok(_) => {}
        Err(failure) => return outcome::keep(app, record, Note::later(app, record, failure)).await,
    }
    let key = &record.request.key;
    if !app
        .store
        .mark_plain_sent(app.now(), record.task, key)
        .await?
    {
        return hopeless(app, record, SchedulerFailure::unreadable(HOPELESS)).await;
    }
    let call = app.scheduler.create(&on, None, &record.request.plain);
    let answer = fault::around(Step::BindingSend, call, reach::cut).await;
    conclude(app, errand, judge(Form::Plain, answer)).await
}

pub(super) async fn conclude(app: &App, errand: &Errand, verdict: Verdict) -> Landing {
    let record = &errand.record;
    match verdict {
        Verdict::Accepted(execution) => outcome::bound(app, record, execution).await,
        Verdict::Refused(refusal) => outcome::refused(app, errand, refusal).await,
        Verdict::Again(failure) => {
            outcome::keep(app, record, Note::later(app, record, failure)).await
        }
        Verdict::Lost(failure) => outcome::keep(app, record, Note::lost(failure)).await,
        Verdict::Unknown(failure) => hopeless(app, record, failure).await,
    }
}

async fn hopeless(app: &App, record: &BindingRecord, failure: SchedulerFailure) -> Landing {
    outcome::keep(app, record, Note::unknown(failure)).await
}

/// Cancels that are still owed although the binding is done, in their order.
async fn cancel_bound(
    app: &App,
    errand: &Errand,
    execution: ExecutionId,
) -> Result<(), StoreError> {
    let record = &errand.record;
    for owed in &record.cancels {
        let outcome = carry_out::by_id(app, (errand, owed), execution).await?;
        if let Err(failure) = outcome {
            outcome::keep(app, record, Note::later(app, record, failure)).await?;
            break;
        }
    }
    Ok(())
}

pub(super) fn on_behalf(errand: &Errand, principal: &PrincipalName) -> OnBehalf {
    behalf::of(principal, &errand.record.namespace, &errand.request_id)
}
