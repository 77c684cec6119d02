//! Carries a cancellation one step on: the one path of the first time, of repeats and of restarts.

use std::sync::Arc;

use taskpilot_api::cancellations::CancellationFilter;
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::cancellation::CancellationStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_server::loops::TickError;
use taskpilot_store::rows::cancellations::{CancellationRecord, DecidedSlice, Matches};

use super::matching::{self, Untold};
use super::{settle, slice};
use crate::app::App;
use crate::scheduler::behalf;
use crate::scheduler::translate::SchedulerFailure;

/// What is left of it after that, if it came on.
pub(crate) type CarriedOn = Result<Option<CancellationRecord>, TickError>;

/// One page of what it is about, or one slice of its items.
pub(crate) async fn step(app: &Arc<App>, record: &CancellationRecord) -> CarriedOn {
    match record.status {
        CancellationStatus::Matching => find_more(app, record).await,
        CancellationStatus::Running => slice::decide(app, record).await,
        CancellationStatus::Canceled => settle::settle(app, record).await,
        CancellationStatus::Completed => Ok(None),
    }
}

async fn find_more(app: &App, record: &CancellationRecord) -> CarriedOn {
    let text = record
        .filter
        .as_deref()
        .ok_or("a matching one without a filter")?;
    let filter: CancellationFilter = serde_json::from_str(text)?;
    let conditions = filter.resolve()?;
    let from = record.match_below.ok_or("a matching one without a place")?;
    let on = on_behalf(record);
    let page = matching::page(app, (&on, &record.namespace), &conditions, Some(from)).await;
    let page = page.map_err(|untold| -> TickError {
        match untold {
            Untold::Store(error) => error.into(),
            Untold::Scheduler(failure) => failed(&failure),
        }
    })?;
    let tasks: Vec<TaskId> = page.tasks.iter().map(|(task, _)| task.id).collect();
    let matches = Matches {
        from,
        tasks,
        below: page.below,
    };
    Ok(app.store.add_matches(app.now(), record.id, matches).await?)
}

/// Keeps what became of a slice, and the progress with it.
pub(super) async fn keep(app: &App, record: &CancellationRecord, slice: DecidedSlice) -> CarriedOn {
    Ok(app.store.decide_items(app.now(), record.id, slice).await?)
}

/// Whoever asked for it.
pub(super) fn on_behalf(record: &CancellationRecord) -> OnBehalf {
    let request_id = request_id(record);
    behalf::of(&record.requested_by, &record.namespace, &request_id)
}

/// Names what is asked for it in both logs.
pub(super) fn request_id(record: &CancellationRecord) -> String {
    format!("cancellation-{}", record.id)
}

/// Why a step has to be tried again.
pub(super) fn failed(failure: &SchedulerFailure) -> TickError {
    failure.cause().to_owned().into()
}
