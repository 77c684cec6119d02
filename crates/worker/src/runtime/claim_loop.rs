//! Sends one claim after the other. A claim is repeated with its number until it is answered: a
//! lost answer is asked for again.

use std::sync::Arc;

use taskpilot_api::workers::{ClaimRequest, HandIn};
use taskpilot_fault::{self as fault, Step};
use tokio::sync::{Notify, mpsc};

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

/// Runs until the session is gone or nobody wants claims. `hasten` has a claim that waits made again
/// at once, and not waited for.
pub(crate) async fn run(link: Link, mut claims: mpsc::Receiver<ClaimOrder>, hasten: Arc<Notify>) {
    // Grows while claims come back at once with nothing: a scheduler without seats for waiters.
    let mut hasty = Backoff::default();
    let mut refused = Backoff::default();
    while let Some(claim) = claims.recv().await {
        let began = BootInstant::now();
        let mut wait_ms = wait_of(&claim);
        let Some(claimed) = answered(&link, &claim, &hasten, &mut wait_ms).await else {
            return link.tell(Message::SessionGone).await;
        };
        match &claimed {
            Claimed::Refused => refused.pause().await,
            Claimed::Served { answer, .. }
                if wait_ms > 0 && answer.grants.is_empty() && is_hasty(began) =>
            {
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

fn is_hasty(began: BootInstant) -> bool {
    BootInstant::now().ms_since(began) < CLAIM_HASTY_MS
}

/// What hands in is answered at once.
fn wait_of(claim: &ClaimOrder) -> u64 {
    if claim.hand_ins.is_empty() {
        CLAIM_WAIT_MS
    } else {
        0
    }
}

/// `None` where the session has ended. The wait that was asked for last is left in `wait_ms`.
async fn answered(
    link: &Link,
    claim: &ClaimOrder,
    hasten: &Notify,
    wait_ms: &mut u64,
) -> Option<Claimed> {
    let mut backoff = Backoff::default();
    loop {
        let asked_at = BootInstant::now();
        let request = request(claim, *wait_ms);
        let call = link.client.claim(&link.session, &request);
        let call = fault::around(step(claim), call, cut);
        let answer = tokio::select! {
            answer = call => answer,
            () = hasten.notified(), if *wait_ms > 0 => {
                *wait_ms = 0;
                continue;
            }
        };
        let error = match answer {
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

fn request(claim: &ClaimOrder, wait_ms: u64) -> ClaimRequest {
    let now = BootInstant::now();
    let results: Vec<HandIn> = claim.hand_ins.iter().map(|draft| draft.at(now)).collect();
    ClaimRequest {
        claim_seq: claim.seq,
        max: claim.max,
        wait_ms,
        results,
    }
}
