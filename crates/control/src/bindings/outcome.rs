//! What a try leaves behind: bound, refused, or open with a reason and a time to look again.

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::extensions::Extension;
use taskpilot_api::scheduler::CancelExecution;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::control::BindingFailure;
use taskpilot_store::rows::bindings::{BindError, BindingRecord, FinishBindingOutcome};

use super::backoff::next_try_at;
use super::drive::{Driven, Errand, Landing};
use super::judge::Refusal;
use crate::app::App;
use crate::scheduler::translate::{SchedulerFailure, success};
use crate::scheduler::{behalf, reach};

/// Why a create that was sent once is not sent again.
pub(super) const HOPELESS: &str = "the create was sent before, and its fate is unknown";
/// The code of a binding that only an operator can bring to an end.
const UNKNOWN_OUTCOME: &str = "unknown_outcome";

/// What is kept of a try that came to nothing.
pub(super) struct Note {
    failure: SchedulerFailure,
    error: BindError,
    next_try_at: Option<Timestamp>,
}

impl Note {
    /// It is tried again.
    pub(super) fn later(app: &App, record: &BindingRecord, failure: SchedulerFailure) -> Self {
        let (code, detail) = failure.code_and_detail();
        Self {
            error: bind_error(code.as_str(), detail),
            next_try_at: Some(next_try_at(app.now(), record.tries)),
            failure,
        }
    }

    /// The scheduler does not honour keys, and may have carried the create out.
    pub(super) fn unknown(failure: SchedulerFailure) -> Self {
        let detail = "The scheduler may have made an execution and did not say which: look there.";
        Self {
            error: bind_error(UNKNOWN_OUTCOME, detail),
            next_try_at: None,
            failure: failure.unknown(),
        }
    }

    /// The scheduler keeps keys for a time, and this one is older.
    pub(super) fn lost(failure: SchedulerFailure) -> Self {
        let code = ErrorCode::BindingKeyExpired;
        Self {
            error: bind_error(code.as_str(), code.meaning()),
            next_try_at: None,
            failure,
        }
    }
}

/// Keeps an open binding with the reason why it is open.
pub(super) async fn keep(app: &App, record: &BindingRecord, note: Note) -> Landing {
    let (task, key) = (record.task, &record.request.key);
    let (code, cause) = (&note.error.code, note.failure.cause());
    match note.next_try_at {
        Some(next) => tracing::debug!(%task, %key, code, cause, %next, "a binding is open"),
        None => {
            tracing::error!(%task, %key, code, cause, "a binding is lost: somebody has to look");
        }
    }
    let kept = BindingFailure {
        error: note.error,
        refused: false,
        next_try_at: note.next_try_at,
    };
    app.store
        .note_binding_failure(app.now(), task, key, kept)
        .await?;
    Ok(Driven::Open(note.failure))
}

/// Stores the execution of the task.
pub(super) async fn bound(app: &App, record: &BindingRecord, execution: ExecutionId) -> Landing {
    let (task, key) = (record.task, &record.request.key);
    let finished = app
        .store
        .finish_binding(app.now(), task, key, execution)
        .await?;
    let stored = match finished {
        FinishBindingOutcome::Bound(task) => return Ok(Driven::Bound(Box::new(task))),
        FinishBindingOutcome::Alarm { stored } => stored,
        FinishBindingOutcome::Missing => None,
    };
    let stored = stored.map(ExecutionId::get);
    tracing::error!(
        invariant = "a bound task has one execution",
        %task,
        %key,
        %execution,
        stored,
        "the scheduler answered with another execution"
    );
    Ok(Driven::Broken("two executions claim one task".into()))
}

/// Commits the refusal before anything is freed, so that a crash cannot forget the tombstone.
pub(super) async fn refused(app: &App, errand: &Errand, refusal: Refusal) -> Landing {
    let record = &errand.record;
    let (code, detail) = refusal.code_and_detail();
    let error = bind_error(code.as_str(), &detail);
    let (task, key) = (record.task, &record.request.key);
    let cause = refusal.failure.cause();
    tracing::warn!(%task, %key, cause, "the scheduler refused a task");
    let kept = BindingFailure {
        error: error.clone(),
        refused: true,
        next_try_at: Some(next_try_at(app.now(), record.tries)),
    };
    app.store
        .note_binding_failure(app.now(), task, key, kept)
        .await?;
    // What becomes of the tombstone is not the caller's: where it fails, the loop goes on.
    free(app, errand, error).await?;
    Ok(Driven::Refused(refusal))
}

/// Spends the key at the scheduler, so that a create on its way never runs; then frees the task.
pub(super) async fn free(app: &App, errand: &Errand, error: BindError) -> Landing {
    let record = &errand.record;
    if let Err(failure) = tombstone(app, errand).await {
        let conflict = failure.is_conflict();
        let note = if conflict {
            Note::unknown(failure)
        } else {
            Note::later(app, record, failure)
        };
        return keep(app, record, note).await;
    }
    let (task, key) = (record.task, &record.request.key);
    app.store
        .abandon_binding(app.now(), task, key, error)
        .await?;
    Ok(Driven::Over)
}

/// A conflict says that an execution stands under the key and has ended, refusal or not.
async fn tombstone(app: &App, errand: &Errand) -> Result<(), SchedulerFailure> {
    let record = &errand.record;
    if record.plain_sent_at.is_some() {
        return Ok(());
    }
    let on = behalf::of(
        &record.request.principal,
        &record.namespace,
        &errand.request_id,
    );
    let offers = reach::offers(&app.scheduler, &on, None).await?;
    if !offers.has(Extension::CancelByKey) {
        return Ok(());
    }
    let command = Some(&CancelExecution::default());
    let key = record.request.key.as_str();
    let answer = app.scheduler.cancel_by_key(&on, key, command, None).await;
    match success(answer) {
        Err(failure) if !failure.is_missing() => Err(failure),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn bind_error(code: &str, detail: &str) -> BindError {
    BindError {
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}
