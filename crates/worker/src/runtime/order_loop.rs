//! Listens for orders. The stream begins with all that are unconfirmed, so a new one misses none.

use std::time::Duration;

use taskpilot_api::workers::Order;
use taskpilot_client::{Events, StreamEvent};

use super::backoff::Backoff;
use super::link::{Link, Trouble};
use super::messages::Message;
use crate::limits::ORDERS_SILENT_MS;

/// Runs until the session is gone.
pub(crate) async fn run(link: Link) {
    let mut backoff = Backoff::default();
    loop {
        match link.client.orders(&link.session).await {
            Ok(events) => listen(&link, events, &mut backoff).await,
            Err(error) if Trouble::of(&error) == Trouble::Gone => {
                return link.tell(Message::SessionGone).await;
            }
            Err(error) => tracing::debug!(%error, "no stream of orders"),
        }
        backoff.pause().await;
    }
}

/// Until the stream ends, breaks or falls silent.
async fn listen(link: &Link, mut events: Events, backoff: &mut Backoff) {
    let silence = Duration::from_millis(ORDERS_SILENT_MS);
    while let Ok(Ok(Some(event))) = tokio::time::timeout(silence, events.next()).await {
        backoff.reset();
        if let Some(order) = order(&event) {
            link.tell(Message::Ordered(order)).await;
        }
    }
}

fn order(event: &StreamEvent) -> Option<Order> {
    if event.event != "stop" {
        return None;
    }
    serde_json::from_str(&event.data)
        .inspect_err(|error| tracing::warn!(%error, "an order cannot be read"))
        .ok()
}
