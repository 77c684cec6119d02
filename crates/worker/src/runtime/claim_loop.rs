//! Sends one claim after the other. A claim is repeated with its number until it is answered: a
//! lost answer is asked for again.

use taskpilot_api::workers::{ClaimRequest, HandIn};
use taskpilot_fault::{self as fault, Step};
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::link::{Link, Trouble, cut};
use super::messages::{Batch, Claimed, Message};
use crate::clock::BootInstant;
use crate::limits::{CLAIM_HASTY_MS, CLAIM_WAIT_MS};

/// A claim to be made.
#[derive(Debug)]
pub(crate) struct ClaimOrder {
    pub(crate) seq: u64,
    pub(crate) max: u32,
    pub(crate) hand_ins: Batch,
}

/// Runs until the session is gone or nobody wants claims.
pub(crate) async fn run(link: Link, mut claims: mpsc::Receiver<ClaimOrder>) {
    // Grows while claims come back at once with nothing: a scheduler without seats for waiters.
    let mut hasty = Backoff::default();
    let mut refused = Backoff::default();
    while let Some(claim) = claims.recv().await {
        let began = BootInstant::now();
        let Some(claimed) = answered(&link, &claim).await else {
            return link.tell(Message::SessionGone).await;
        };
        match &claimed {
            Claimed::Refused => refused.pause().await,
            Claimed::Served { answer, .. } if is_hasty(&claim, answer.grants.is_empty(), began) => {
                hasty.pause().await;
            }
            Claimed::Served { .. } => {
                hasty.reset();
                refused.reset();
            }
        }
        link.tell(Message::Claimed(claimed)).await;
    }
}

fn is_hasty(claim: &ClaimOrder, empty: bool, began: BootInstant) -> bool {
    let waited_ms = BootInstant::now().ms_since(began);
    claim.hand_ins.is_empty() && empty && waited_ms < CLAIM_HASTY_MS
}

/// `None` where the session has ended.
async fn answered(link: &Link, claim: &ClaimOrder) -> Option<Claimed> {
    let mut backoff = Backoff::default();
    loop {
        let asked_at = BootInstant::now();
        let request = request(claim);
        let call = link.client.claim(&link.session, &request);
        let error = match fault::around(step(claim), call, cut).await {
            Ok(answer) => return Some(Claimed::Served { asked_at, answer }),
            Err(error) => error,
        };
        match Trouble::of(&error) {
            Trouble::Gone => return None,
            Trouble::Refused => {
                tracing::error!(%error, seq = claim.seq, "a claim was refused");
                return Some(Claimed::Refused);
            }
            Trouble::Away => {
                tracing::debug!(%error, seq = claim.seq, "a claim was not answered");
                backoff.pause_after(&error).await;
            }
        }
    }
}

/// What hands in as well is not repeated because of its grants alone.
fn step(claim: &ClaimOrder) -> Step {
    if claim.hand_ins.is_empty() {
        Step::ClaimSend
    } else {
        Step::ResultSend
    }
}

fn request(claim: &ClaimOrder) -> ClaimRequest {
    let now = BootInstant::now();
    let results: Vec<HandIn> = claim.hand_ins.iter().map(|draft| draft.at(now)).collect();
    ClaimRequest {
        claim_seq: claim.seq,
        max: claim.max,
        wait_ms: if results.is_empty() { CLAIM_WAIT_MS } else { 0 },
        results,
    }
}
