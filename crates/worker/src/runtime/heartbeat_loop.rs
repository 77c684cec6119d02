//! Renews the lease. What a heartbeat says is decided by the dispatcher, at the last moment.

use std::sync::Arc;

use taskpilot_api::workers::{Heartbeat, HeartbeatAnswer};
use taskpilot_client::ClientError;
use tokio::sync::{Notify, oneshot};

use super::link::{Link, Trouble};
use super::messages::{Beat, Beaten, Message};
use crate::chance::jittered;
use crate::clock::{BootInstant, pause};
use crate::limits::BEAT_AGAIN_MS;

/// Runs until the session is gone. `now` asks for a heartbeat before its time.
pub(crate) async fn run(link: Link, now: Arc<Notify>) {
    let heartbeat_ms = link.session.heartbeat_ms.max(1);
    let again_ms = heartbeat_ms.min(BEAT_AGAIN_MS);
    let mut reached = true;
    let mut wait_ms = heartbeat_ms;
    loop {
        tokio::select! {
            () = pause(wait_ms) => {}
            () = now.notified() => {}
        }
        let Some(beat) = due(&link).await else { return };
        let sent_at = BootInstant::now();
        match send(&link, &beat).await {
            Ok(answer) => {
                if !reached {
                    tracing::info!("the scheduler answers again");
                }
                reached = true;
                let beaten = Box::new(Beaten {
                    sent_at,
                    beat,
                    answer,
                });
                link.tell(Message::Beaten(beaten)).await;
                wait_ms = heartbeat_ms.saturating_sub(BootInstant::now().ms_since(sent_at));
            }
            Err(error) => {
                if Trouble::of(&error) == Trouble::Gone {
                    return link.tell(Message::SessionGone).await;
                }
                if reached {
                    tracing::warn!(%error, "heartbeats are not answered");
                }
                reached = false;
                wait_ms = jittered(again_ms);
            }
        }
    }
}

async fn due(link: &Link) -> Option<Beat> {
    let (reply, beat) = oneshot::channel();
    link.tell(Message::BeatDue(reply)).await;
    beat.await.ok()
}

async fn send(link: &Link, beat: &Beat) -> Result<HeartbeatAnswer, ClientError> {
    let now = BootInstant::now();
    let heartbeat = Heartbeat {
        held: beat.held.clone(),
        claim_seq: beat.claim_seq,
        stops: beat.stops.iter().map(|note| note.at(now)).collect(),
        progress: beat
            .progress
            .iter()
            .map(|word| word.progress.clone())
            .collect(),
    };
    link.client.heartbeat(&link.session, &heartbeat).await
}
