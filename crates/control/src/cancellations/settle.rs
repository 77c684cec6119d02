//! Ends a cancellation that was given up: nothing more is canceled, and what was on its way is told
//! as it was decided.

use taskpilot_api::extensions::Extension;
use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::limits::CANCELLATION_SLICE_MAX;
use taskpilot_server::loops::TickError;
use taskpilot_store::rows::cancellations::{CancellationRecord, DecidedSlice};

use super::carry_on::{CarriedOn, failed, keep, on_behalf};
use super::slice::{Asked, Outcomes, Sorted, WAITS, send, sort};
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
    let (own, settled) = on_their_way(app, record, &sorted).await?;
    outcomes.extend(own);
    if outcomes.is_empty() && !settled {
        return Err(WAITS.into());
    }
    let slice = DecidedSlice {
        outcomes,
        settled,
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

/// What was canceled, and whether nothing more can be by what was asked for.
async fn on_their_way(
    app: &App,
    record: &CancellationRecord,
    sorted: &Sorted,
) -> Result<(Outcomes, bool), TickError> {
    let Some(until) = record.asked_until.filter(|_| !sorted.bound.is_empty()) else {
        return Ok((Vec::new(), true));
    };
    let on = on_behalf(record);
    let offers = reach::offers(&app.scheduler, &on, None).await;
    let offers = offers.map_err(|failure| failed(&failure))?;
    if !offers.has(Extension::CancelBatch) {
        return Ok((Vec::new(), true));
    }
    let look = Asked::of(&sorted.bound, Some(Vec::new()));
    let told = send(app, &on, record, look).await;
    let (told, decided_at) = told.map_err(|failure| failed(&failure))?;
    let own = |(_, outcome): &(_, CancellationOutcome)| *outcome == CancellationOutcome::Canceled;
    let own: Outcomes = told.into_iter().filter(own).collect();
    let settled = decided_at > until || own.len() == sorted.bound.len();
    Ok((own, settled))
}
