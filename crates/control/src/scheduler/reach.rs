//! What the scheduler offers beyond the plain contract, before anything that needs it is sent.

use taskpilot_api::extensions::{Extension, Extensions};
use taskpilot_client::scheduler::{OnBehalf, Probe, SchedulerClient};
use taskpilot_client::transport::NoAnswer;
use taskpilot_fault::Struck;

use super::translate::SchedulerFailure;

/// What it announced before; where it never did, it is asked by the read of `id`.
///
/// A failure says that nothing was applied: the command was not sent yet.
pub(crate) async fn offers(
    client: &SchedulerClient,
    on: &OnBehalf,
    id: Option<i64>,
) -> Result<Extensions, SchedulerFailure> {
    match client.announced() {
        Some(announced) => Ok(announced),
        None => ask(client, on, id).await,
    }
}

/// What it offers now, which also shows that it is there.
pub(crate) async fn ask(
    client: &SchedulerClient,
    on: &OnBehalf,
    id: Option<i64>,
) -> Result<Extensions, SchedulerFailure> {
    match client.probe(on, id).await {
        Ok(Probe::Offers(offers)) => Ok(offers),
        Ok(Probe::Other(answer)) => Err(SchedulerFailure::of_answer(&answer).not_applied()),
        Err(silence) => Err(SchedulerFailure::of_silence(&silence).not_applied()),
    }
}

/// What is seen of a call that a test cuts off.
pub(crate) fn cut(struck: Struck) -> NoAnswer {
    NoAnswer::cut(struck.is_done())
}

/// Whether creates that name a parent go there.
pub(crate) fn takes_children(offers: &Extensions) -> bool {
    takes_our_creates(offers) && offers.has(Extension::Families)
}

/// Whether creates go there in our own form: repeatable by their key, with options.
pub(crate) fn takes_our_creates(offers: &Extensions) -> bool {
    offers.has(Extension::IdempotencyKey) && offers.has(Extension::Options)
}
