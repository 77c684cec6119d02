//! Sends stop reports until they are answered.

use std::sync::Arc;

use taskpilot_api::workers::StopReports;
use taskpilot_fault::{self as fault, Step};
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::link::{Link, Trouble, cut};
use super::messages::Message;
use super::stops::StopNote;
use crate::clock::BootInstant;

/// Runs until nobody has reports. The batch is answered, whatever the answer says: every verdict
/// is final, and a report that is refused would be refused again.
pub(crate) async fn run(link: Link, mut batches: mpsc::Receiver<Vec<Arc<StopNote>>>) {
    while let Some(batch) = batches.recv().await {
        deliver(&link, &batch).await;
        link.tell(Message::StopsAnswered).await;
    }
}

async fn deliver(link: &Link, batch: &[Arc<StopNote>]) {
    let mut backoff = Backoff::default();
    loop {
        let now = BootInstant::now();
        let reports = StopReports {
            items: batch.iter().map(|note| note.at(now)).collect(),
        };
        let call = link.client.stops(&link.session, &reports);
        let Err(error) = fault::around(Step::StopSend, call, cut).await else {
            return;
        };
        match Trouble::of(&error) {
            Trouble::Gone => return link.tell(Message::SessionGone).await,
            Trouble::Refused => {
                return tracing::error!(%error, count = batch.len(), "stop reports were refused");
            }
            Trouble::Away => backoff.pause_after(&error).await,
        }
    }
}
