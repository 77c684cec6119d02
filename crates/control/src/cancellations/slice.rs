//! Decides a slice of the items of a cancellation, and keeps what became of them.
//!
//! The slice is the same until that is kept. The scheduler holds the state against each cancel in the
//! verdict's own transaction; and as it is told since when verdicts may be this cancellation's own, a
//! slice whose answer was lost is told as it was decided.

use std::sync::Arc;

use taskpilot_api::cancellations::CancellationFilter;
use taskpilot_api::extensions::Extension;
use taskpilot_api::scheduler::{CancelBatch, CancelBatchItem, CanceledBatch};
use taskpilot_client::scheduler::OnBehalf;
use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::CANCELLATION_SLICE_MAX;
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::{self as fault, Step};
use taskpilot_server::loops::TickError;
use taskpilot_store::rows::cancellations::{CancellationRecord, DecidedSlice, UndecidedItem};

use super::carry_on::{CarriedOn, failed, keep, on_behalf};
use super::singly;
use crate::app::App;
use crate::scheduler::reach;
use crate::scheduler::translate::{SchedulerFailure, success};

/// What became of items.
pub(super) type Outcomes = Vec<(TaskId, CancellationOutcome)>;

/// An item whose task is bound.
#[derive(Debug, Clone)]
pub(super) struct BoundItem {
    pub(super) task: TaskId,
    pub(super) execution: ExecutionId,
    reference: Option<String>,
    intended: bool,
}

/// A slice by what has to be done for it.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Nothing: this is what is told.
    pub(super) told: Outcomes,
    /// Their executions are canceled.
    pub(super) bound: Vec<BoundItem>,
    /// They are canceled before they can begin.
    pub(super) binding: Vec<(TaskId, bool)>,
}

/// Decides the next slice.
pub(super) async fn decide(app: &Arc<App>, record: &CancellationRecord) -> CarriedOn {
    let slice = app
        .store
        .list_undecided(record.id, CANCELLATION_SLICE_MAX)
        .await?;
    let sorted = sort(slice);
    if !sorted.binding.is_empty() {
        return singly::decide_binding(app, record, sorted).await;
    }
    if sorted.bound.is_empty() {
        return keep_told(app, record, sorted.told, None).await;
    }
    let on = on_behalf(record);
    let first = sorted.bound.first().map(|item| item.execution.get());
    let offers = reach::offers(&app.scheduler, &on, first).await;
    let offers = offers.map_err(|failure| failed(&failure))?;
    let states = states(record)?;
    if !offers.has(Extension::CancelBatch) {
        if states.is_some() {
            let failure = SchedulerFailure::not_offered("cancels in a state");
            return Err(failed(&failure));
        }
        return singly::decide_bound(app, record, sorted).await;
    }
    let items = if record.known_at.is_some() {
        &sorted.bound[..]
    } else {
        // Only the time is asked for: it is kept before anything is canceled.
        &[]
    };
    let (outcomes, known_at) = send(app, &on, record, (items, states))
        .await
        .map_err(|failure| failed(&failure))?;
    let outcomes = sorted.told.into_iter().chain(outcomes).collect();
    keep_told(app, record, outcomes, Some(known_at)).await
}

/// By what each task is now.
pub(super) fn sort(slice: Vec<UndecidedItem>) -> Sorted {
    let mut sorted = Sorted::default();
    for item in slice {
        let task = item.task;
        let Some(standing) = item.standing else {
            sorted.told.push((task, CancellationOutcome::Missing));
            continue;
        };
        match (standing.status, standing.execution) {
            (TaskStatus::Bound, Some(execution)) => sorted.bound.push(BoundItem {
                task,
                execution,
                reference: standing.binding_key,
                intended: item.intended,
            }),
            (TaskStatus::Binding, _) => sorted.binding.push((task, item.intended)),
            (TaskStatus::Pending | TaskStatus::Canceled | TaskStatus::Bound, _) => {
                sorted.told.push((task, CancellationOutcome::NotBound));
            }
        }
    }
    sorted
}

/// The state that travels with each item.
fn states(record: &CancellationRecord) -> Result<Option<Vec<State>>, TickError> {
    let Some(text) = record.filter.as_deref() else {
        return Ok(None);
    };
    let filter: CancellationFilter = serde_json::from_str(text)?;
    Ok(filter.resolve()?.state.map(|state| vec![state]))
}

/// Asks for these in these states: what became of each, and the scheduler's time after that.
pub(super) async fn send(
    app: &App,
    on: &OnBehalf,
    record: &CancellationRecord,
    (items, states): (&[BoundItem], Option<Vec<State>>),
) -> Result<(Outcomes, Timestamp), SchedulerFailure> {
    let item = |item: &BoundItem| CancelBatchItem {
        id: item.execution,
        reference: item.reference.clone(),
    };
    let batch = CancelBatch {
        items: items.iter().map(item).collect(),
        states,
        reason: record.reason.clone(),
        since: record.known_at.map(Into::into),
    };
    let call = app.scheduler.cancel_batch(on, &batch);
    let answer = if items.is_empty() {
        call.await
    } else {
        fault::around(Step::CancellationSend, call, reach::cut).await
    };
    let answer: CanceledBatch = success(answer)?
        .read()
        .map_err(SchedulerFailure::unreadable)?;
    if answer.items.len() != items.len() {
        return Err(SchedulerFailure::unreadable("not each item is answered"));
    }
    let outcomes = items.iter().zip(&answer.items).map(|(item, said)| {
        let outcome = said.outcome.known();
        let outcome = outcome.ok_or_else(|| SchedulerFailure::unreadable(&said.outcome))?;
        Ok((item.task, item.told(outcome)))
    });
    Ok((outcomes.collect::<Result<_, _>>()?, answer.decided_at))
}

impl BoundItem {
    /// One that was canceled while it was being bound was so by the wish of this cancellation.
    fn told(&self, outcome: CancellationOutcome) -> CancellationOutcome {
        if self.intended && outcome == CancellationOutcome::Already {
            CancellationOutcome::Canceled
        } else {
            outcome
        }
    }
}

pub(super) async fn keep_told(
    app: &App,
    record: &CancellationRecord,
    outcomes: Outcomes,
    known_at: Option<Timestamp>,
) -> CarriedOn {
    let slice = DecidedSlice {
        outcomes,
        known_at,
        ..DecidedSlice::default()
    };
    keep(app, record, slice).await
}
