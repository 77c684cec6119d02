//! Asks whether attempts may begin, until that is answered.

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::workers::{Starts, Verdict};
use taskpilot_client::ClientError;
use taskpilot_fault::{self as fault, Step};
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::link::{Link, Trouble, cut};
use super::messages::{Message, StartsAnswered};
use crate::clock::BootInstant;

/// Runs until nobody asks.
pub(crate) async fn run(link: Link, mut batches: mpsc::Receiver<Starts>) {
    while let Some(batch) = batches.recv().await {
        let answered = ask(&link, &batch).await;
        link.tell(Message::StartsAnswered(answered)).await;
    }
}

async fn ask(link: &Link, batch: &Starts) -> StartsAnswered {
    let mut backoff = Backoff::default();
    loop {
        let asked_at = BootInstant::now();
        let never = StartsAnswered {
            asked_at,
            verdicts: None,
        };
        let call = link.client.starts(&link.session, batch);
        let error = match fault::around(Step::StartSend, call, cut).await {
            Ok(answer) => return answered(asked_at, answer.verdicts),
            Err(error) => error,
        };
        match Trouble::of(&error) {
            Trouble::Gone if !is_unknown_call(&error) => {
                link.tell(Message::SessionGone).await;
                return never;
            }
            Trouble::Gone | Trouble::Refused => {
                tracing::error!(%error, "the scheduler confirms no starts: nothing begins");
                return never;
            }
            Trouble::Away => backoff.pause_after(&error).await,
        }
    }
}

fn answered(asked_at: BootInstant, verdicts: Vec<Verdict>) -> StartsAnswered {
    let verdicts = Some(verdicts);
    StartsAnswered { asked_at, verdicts }
}

/// A scheduler of an older release has no such call; its session lives on.
fn is_unknown_call(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { problem, .. } => {
            problem.error_code() == Some(ErrorCode::RouteNotFound)
        }
        ClientError::NoAnswer(_) | ClientError::Unreadable { .. } => false,
    }
}
