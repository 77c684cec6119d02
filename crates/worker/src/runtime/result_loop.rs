//! Sends hand-ins until they are answered.

use taskpilot_api::workers::{Results, Verdict};
use taskpilot_fault::{self as fault, Step};
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::link::{Link, Trouble, cut};
use super::messages::{Batch, Message};
use crate::clock::BootInstant;

/// Runs until nobody has hand-ins.
pub(crate) async fn run(link: Link, mut batches: mpsc::Receiver<Batch>) {
    while let Some(batch) = batches.recv().await {
        let verdicts = deliver(&link, &batch).await;
        link.tell(Message::ResultsAnswered(verdicts)).await;
    }
}

/// `None` where the scheduler refuses the batch.
async fn deliver(link: &Link, batch: &Batch) -> Option<Vec<Verdict>> {
    let mut backoff = Backoff::default();
    loop {
        let now = BootInstant::now();
        let results = Results {
            items: batch.iter().map(|draft| draft.at(now)).collect(),
        };
        let call = link.client.results(&link.session, &results);
        let error = match fault::around(Step::ResultSend, call, cut).await {
            Ok(answer) => return Some(answer.verdicts),
            Err(error) => error,
        };
        match Trouble::of(&error) {
            // Also an ended session is given its verdicts: only one that never was is not.
            Trouble::Gone => {
                link.tell(Message::SessionGone).await;
                return Some(Vec::new());
            }
            Trouble::Refused => {
                tracing::error!(%error, count = batch.len(), "hand-ins were refused");
                return None;
            }
            Trouble::Away => backoff.pause_after(&error).await,
        }
    }
}
