//! Cancels many, in portions that are each as short as background work has to be.

use std::sync::Arc;

use taskpilot_api::problem::Outcome;
use taskpilot_api::scheduler::{CancelBatchItem, CanceledBatch, CanceledItem, CheckedCancelBatch};
use taskpilot_domain::limits::CANCEL_BATCH_ROWS_MAX;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::cancels::{self, CancelItem};

use crate::app::App;
use crate::http::error::unavailable;

/// Decides them portion by portion; where one fails, those before it stand, and a repeat tells them
/// as they were decided.
pub(crate) async fn cancel(
    app: &App,
    context: &RequestContext,
    batch: CheckedCancelBatch,
) -> Result<CanceledBatch, ApiError> {
    let states: Option<Arc<[_]>> = batch.states.map(Into::into);
    let portion = |items: &[CancelBatchItem]| cancels::CancelBatch {
        namespace: context.namespace.clone(),
        actor: context.principal.clone(),
        reason: batch.reason.clone(),
        request_id: Some(context.request_id.clone()),
        states: states.clone(),
        since: batch.since,
        not_after: batch.not_after,
        items: items.iter().map(item).collect(),
    };
    // Without items it is still asked for the time.
    let mut portions: Vec<_> = batch.items.chunks(CANCEL_BATCH_ROWS_MAX).collect();
    if portions.is_empty() {
        portions.push(&[]);
    }
    let mut answer: Option<CanceledBatch> = None;
    for items in portions {
        let decided = app.store.cancel_batch(app.clock.now(), portion(items));
        // Those before this one stand.
        let begun = answer.is_some();
        let decided = decided.await.map_err(|error| {
            let told = unavailable(error);
            if begun {
                told.outcome(Outcome::Unknown)
            } else {
                told
            }
        })?;
        let told = items.iter().zip(decided.outcomes);
        let told = told.map(|(item, outcome)| CanceledItem::new(item.id, outcome));
        let so_far = answer.get_or_insert_with(|| CanceledBatch {
            decided_at: decided.decided_at,
            items: Vec::with_capacity(batch.items.len()),
        });
        so_far.decided_at = decided.decided_at;
        so_far.items.extend(told);
    }
    answer.ok_or_else(|| ApiError::fault("a batch without a portion"))
}

fn item(item: &CancelBatchItem) -> CancelItem {
    CancelItem {
        id: item.id,
        reference: item.reference.clone(),
    }
}
