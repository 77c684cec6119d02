//! Cancels items one by one, as if each had been asked for alone: those that are being bound, and
//! all of them where the scheduler takes no cancel of many.
//!
//! A success then says that it is canceled, and not by whom.

use std::sync::Arc;

use taskpilot_api::errors::ErrorCode;
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::limits::BINDINGS_AT_ONCE_MAX;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::loops::TickError;
use taskpilot_server::permission::{Permission, Permissions};
use taskpilot_store::rows::cancellations::{CancellationRecord, DecidedSlice};

use super::carry_on::{CarriedOn, keep, request_id};
use super::slice::{Outcomes, Sorted, keep_told};
use crate::app::App;
use crate::executions::cancel::{Wish, cancel};

/// Those that are being bound: the wish to cancel is announced, committed, and carried out by the
/// key. Whatever becomes of the call, it is not lost.
pub(super) async fn decide_binding(
    app: &Arc<App>,
    record: &CancellationRecord,
    sorted: Sorted,
) -> CarriedOn {
    let few = sorted
        .binding
        .into_iter()
        .take(BINDINGS_AT_ONCE_MAX as usize);
    let (tasks, intended): (Vec<_>, Vec<_>) = few.unzip();
    if intended.contains(&false) {
        let slice = DecidedSlice {
            intended: tasks.clone(),
            ..DecidedSlice::default()
        };
        keep(app, record, slice).await?;
    }
    decide_all(app, record, (sorted.told, tasks)).await
}

/// Those that are bound.
pub(super) async fn decide_bound(
    app: &Arc<App>,
    record: &CancellationRecord,
    sorted: Sorted,
) -> CarriedOn {
    let few = sorted.bound.iter().take(BINDINGS_AT_ONCE_MAX as usize);
    let tasks = few.map(|item| item.task).collect();
    decide_all(app, record, (sorted.told, tasks)).await
}

/// At once: each may hold a connection until its deadline. What fails is left for the next time, and
/// the rest is kept.
async fn decide_all(
    app: &Arc<App>,
    record: &CancellationRecord,
    (mut told, tasks): (Outcomes, Vec<TaskId>),
) -> CarriedOn {
    let context = context(record);
    let canceling: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let (app, context) = (Arc::clone(app), context.clone());
            let wish = Wish {
                reason: record.reason.clone(),
                wait: None,
                cascade: false,
            };
            let canceling =
                tokio::spawn(async move { cancel(&app, &context, task, wish).await.map(drop) });
            (task, canceling)
        })
        .collect();
    let mut failure: Option<TickError> = None;
    for (task, canceling) in canceling {
        match outcome(canceling.await?) {
            Ok(outcome) => told.push((task, outcome)),
            Err(error) => failure = Some(error),
        }
    }
    let came_on = !told.is_empty();
    let kept = keep_told(app, record, told, None).await?;
    match failure {
        Some(error) if !came_on => Err(error),
        Some(_) | None => Ok(kept),
    }
}

fn outcome(canceled: Result<(), ApiError>) -> Result<CancellationOutcome, TickError> {
    let Err(error) = canceled else {
        return Ok(CancellationOutcome::Canceled);
    };
    match error.code() {
        ErrorCode::ExecutionConflict => Ok(CancellationOutcome::Refused),
        ErrorCode::TaskNotBound => Ok(CancellationOutcome::NotBound),
        ErrorCode::TaskNotFound | ErrorCode::SchedulerTaskNotFound => {
            Ok(CancellationOutcome::Missing)
        }
        _ => Err(error.problem().detail.into()),
    }
}

/// Whoever asked for it, who may be gone by now.
fn context(record: &CancellationRecord) -> RequestContext {
    RequestContext {
        principal: record.requested_by.clone(),
        namespace: record.namespace.clone(),
        permissions: Permissions::of(&[Permission::ExecutionsCancel]),
        request_id: request_id(record),
    }
}
