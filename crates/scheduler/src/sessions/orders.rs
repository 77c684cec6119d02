//! The stream of orders: subscribed first, then everything unconfirmed, then what comes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use taskpilot_fault::Step;
use taskpilot_server::error::ApiError;
use taskpilot_server::waiting::Seat;
use taskpilot_store::rows::sessions::SessionRef;
use tokio::sync::watch;

use super::convert::{gone, order};
use crate::app::App;
use crate::http::error::unavailable;

/// Time between signs of life on a quiet stream; what is still unconfirmed is told again then.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Opens the stream of a session; it replaces an older one.
pub(crate) async fn stream(
    app: Arc<App>,
    session: SessionRef,
    seat: Seat,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + Send, ApiError> {
    // Who has not the token must not close the stream of who has.
    unconfirmed(&app, session).await?;
    let signal = app.hub.replace_orders(session.id);
    let first = unconfirmed(&app, session).await?;
    let listener = Listener {
        app,
        session,
        seat,
        signal,
        told: first.orders,
    };
    let first = first.events;
    let rest = stream::unfold(listener, Listener::next);
    Ok(futures_util::StreamExt::flat_map(
        futures_util::StreamExt::chain(stream::once(async { first }), rest),
        |events| stream::iter(events.into_iter().map(Ok)),
    ))
}

struct Listener {
    app: Arc<App>,
    session: SessionRef,
    seat: Seat,
    signal: watch::Receiver<()>,
    /// Orders that were handed over last.
    told: usize,
}

/// What is to be sent.
struct Batch {
    events: Vec<Event>,
    /// How many of them are orders; the others only keep the stream alive.
    orders: usize,
}

impl Listener {
    /// What comes next: orders, or a comment that keeps the stream alive. `None` ends the stream.
    async fn next(mut self) -> Option<(Vec<Event>, Self)> {
        if self.told > 0 {
            // What was handed over is on its way when this task is let go once.
            tokio::task::yield_now().await;
            taskpilot_fault::after(Step::OrderSend).ok()?;
        }
        let changed = tokio::select! {
            changed = tokio::time::timeout(KEEP_ALIVE, self.signal.changed()) => changed,
            () = self.seat.closing() => return None,
        };
        if let Ok(Err(_)) = changed {
            return None;
        }
        // Also without a change: the stream of a session that has ended ends.
        let batch = unconfirmed(&self.app, self.session).await.ok()?;
        self.told = batch.orders;
        Some((batch.events, self))
    }
}

/// All orders that the worker has not confirmed, as events; a comment where there are none.
async fn unconfirmed(app: &App, session: SessionRef) -> Result<Batch, ApiError> {
    let orders = app.store.list_orders(session).await.map_err(unavailable)?;
    let events: Result<Vec<Event>, _> = orders
        .map_err(gone)?
        .into_iter()
        .map(|one| Event::default().event("stop").json_data(order(&one)))
        .collect();
    let mut events = events.map_err(|error| ApiError::fault(error.to_string()))?;
    let orders = events.len();
    if orders == 0 {
        events.push(Event::default().comment("alive"));
    } else {
        taskpilot_fault::before(Step::OrderSend).map_err(|_| not_sent())?;
    }
    Ok(Batch { events, orders })
}

/// What a test makes of a stream that cannot be served.
fn not_sent() -> ApiError {
    ApiError::fault("a fault point strikes")
}
