//! Ends a cancellation that was given up: nothing more is canceled, and what was on its way is told
//! as it was decided.

use taskpilot_api::extensions::Extension;
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::limits::CANCELLATION_SLICE_MAX;
use taskpilot_server::loops::TickError;
use taskpilot_store::rows::cancellations::{CancellationRecord, DecidedSlice};

use super::carry_on::{CarriedOn, failed, keep, on_behalf};
use super::slice::{Outcomes, Sorted, send, sort};
use crate::app::App;
use crate::scheduler::reach;

/// Looks at the one slice that may have been on its way, and at no state cancels anything.
pub(super) async fn settle(app: &App, record: &CancellationRecord) -> CarriedOn {
    let slice = app
        .store
        .list_undecided(record.id, CANCELLATION_SLICE_MAX)
        .await?;
    let sorted = sort(slice);
    let mut outcomes = intended(&sorted);
    outcomes.extend(on_their_way(app, record, &sorted).await?);
    let slice = DecidedSlice {
        outcomes,
        settled: true,
        ..DecidedSlice::default()
    };
    keep(app, record, slice).await
}

/// A wish to cancel what is being bound is not taken back: it is carried out.
fn intended(sorted: &Sorted) -> Outcomes {
    let binding = sorted.binding.iter().filter(|(_, intended)| *intended);
    binding
        .map(|(task, _)| (*task, CancellationOutcome::Canceled))
        .collect()
}

async fn on_their_way(
    app: &App,
    record: &CancellationRecord,
    sorted: &Sorted,
) -> Result<Outcomes, TickError> {
    if record.known_at.is_none() || sorted.bound.is_empty() {
        return Ok(Vec::new());
    }
    let on = on_behalf(record);
    let offers = reach::offers(&app.scheduler, &on, None).await;
    let offers = offers.map_err(|failure| failed(&failure))?;
    if !offers.has(Extension::CancelBatch) {
        return Ok(Vec::new());
    }
    let told = send(app, &on, record, (&sorted.bound, Some(Vec::new()))).await;
    let (told, _) = told.map_err(|failure| failed(&failure))?;
    let own = |(_, outcome): &(_, CancellationOutcome)| *outcome == CancellationOutcome::Canceled;
    Ok(told.into_iter().filter(own).collect())
}
