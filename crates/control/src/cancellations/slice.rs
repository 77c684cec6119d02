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
use taskpilot_domain::cancellation::{CancellationOutcome, CancellationStatus, Turn};
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::{ExecutionId, TaskId};
use taskpilot_domain::limits::{CANCELLATION_ASK_MS, CANCELLATION_SLICE_MAX};
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::{self as fault, Step};
use taskpilot_server::loops::TickError;
use taskpilot_store::rows::cancellations::{
    CancellationRecord, DecidedSlice, OnItsWay, UndecidedItem,
};

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

/// Decides the next slice, no more than its rate leaves.
pub(super) async fn decide(app: &Arc<App>, record: &CancellationRecord) -> CarriedOn {
    let Turn::Now { at_most } = record.turn(app.now()) else {
        return Ok(None);
    };
    let slice = app
        .store
        .list_undecided(record.id, at_most.min(CANCELLATION_SLICE_MAX))
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
    let Some(known_at) = record.known_at else {
        // Only the time is asked for: it is kept before anything is canceled.
        let nothing = Asked::of(&[], states);
        let told = send(app, &on, record, nothing).await;
        let (_, known_at) = told.map_err(|failure| failed(&failure))?;
        return keep_told(app, record, sorted.told, Some(known_at)).await;
    };
    ask(app, (record, known_at), &on, (sorted, states)).await
}

/// Asks for them, once it is committed until when that may be decided: what reaches the scheduler
/// later, overtaken by a repeat, cancels nothing that was told to be left alone.
async fn ask(
    app: &App,
    (record, known_at): (&CancellationRecord, Timestamp),
    on: &OnBehalf,
    (sorted, states): (Sorted, Option<Vec<State>>),
) -> CarriedOn {
    let until = known_at.plus_ms(CANCELLATION_ASK_MS);
    let not_after = record.asked_until.unwrap_or(until);
    if record.asked_until.is_none() && !announce(app, record, not_after).await? {
        return Ok(None);
    }
    let asked = Asked {
        not_after: Some(not_after),
        ..Asked::of(&sorted.bound, states)
    };
    let told = send(app, on, record, asked).await;
    let (told, decided_at) = told.map_err(|failure| failed(&failure))?;
    let is_over = decided_at > not_after;
    // What is on its way may still cancel what was left alone; and what came too late was left alone
    // for that.
    let stands = !is_over && record.asked_until.is_none();
    let asked = told.len();
    let told = told.into_iter();
    let told: Outcomes = told
        .filter(|(_, outcome)| stands || *outcome != CancellationOutcome::Changed)
        .collect();
    let is_all = told.len() == asked;
    let outcomes: Outcomes = sorted.told.into_iter().chain(told).collect();
    if outcomes.is_empty() && !is_over {
        return Err(WAITS.into());
    }
    let on_its_way = if is_over || is_all {
        OnItsWay::Nothing
    } else {
        OnItsWay::Same
    };
    let slice = DecidedSlice {
        outcomes,
        known_at: Some(decided_at),
        on_its_way,
        ..DecidedSlice::default()
    };
    keep(app, record, slice).await
}

/// Why a cancellation does not come on.
pub(super) const WAITS: &str = "what was asked for before may still be decided";

/// `false`: nothing more is to be asked for.
async fn announce(
    app: &App,
    record: &CancellationRecord,
    until: Timestamp,
) -> Result<bool, TickError> {
    let slice = DecidedSlice {
        on_its_way: OnItsWay::Until(until),
        ..DecidedSlice::default()
    };
    let kept = keep(app, record, slice).await?;
    Ok(kept.is_some_and(|kept| kept.status == CancellationStatus::Running))
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

/// What is asked for at once.
pub(super) struct Asked<'a> {
    items: &'a [BoundItem],
    states: Option<Vec<State>>,
    not_after: Option<Timestamp>,
}

impl<'a> Asked<'a> {
    /// These in these states, whenever it comes.
    pub(super) fn of(items: &'a [BoundItem], states: Option<Vec<State>>) -> Self {
        Self {
            items,
            states,
            not_after: None,
        }
    }
}

/// Asks: what became of each, and the scheduler's time after that.
pub(super) async fn send(
    app: &App,
    on: &OnBehalf,
    record: &CancellationRecord,
    asked: Asked<'_>,
) -> Result<(Outcomes, Timestamp), SchedulerFailure> {
    let items = asked.items;
    let item = |item: &BoundItem| CancelBatchItem {
        id: item.execution,
        reference: item.reference.clone(),
    };
    let batch = CancelBatch {
        items: items.iter().map(item).collect(),
        states: asked.states,
        reason: record.reason.clone(),
        since: record.known_at.map(Into::into),
        not_after: asked.not_after.map(Into::into),
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
