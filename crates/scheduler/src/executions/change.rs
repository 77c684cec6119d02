//! Reads that wait until an execution is told differently.

use std::time::Duration;

use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::Namespace;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::Tags;
use taskpilot_server::tagged::Tagged;
use taskpilot_server::waiting::Seat;
use tokio::time::Instant;

use super::{describe, read};
use crate::app::App;

/// Time after which a reader looks again by itself: what changes with time, or with the queue,
/// wakes nobody.
const LOOK: Duration = Duration::from_secs(2);

/// What a reader who waited gets.
pub(crate) struct Seen {
    /// The execution as it was told last.
    pub(crate) last: Tagged,
    /// Whether the wait was as long as it had to be.
    pub(crate) honoured: bool,
}

/// The execution as it is told now.
pub(crate) async fn look(
    app: &App,
    (namespace, id): (&Namespace, ExecutionId),
) -> Result<Tagged, ApiError> {
    let record = read::read(app, namespace, id).await?;
    Tagged::of(&describe::told(app, &record))
}

/// Waits until the execution is told differently from what is known, or from what it is now.
///
/// Registers first, looks, then waits: what changes in between is not missed.
pub(crate) async fn seen(
    app: &App,
    place: (&Namespace, ExecutionId),
    known: Option<&Tags>,
    (wait, seat): (Duration, &Seat),
) -> Result<Seen, ApiError> {
    let end = now() + wait;
    let mut changes = app.hub.watch_execution(place.1);
    let mut last = look(app, place).await?;
    let known = known.cloned().unwrap_or_else(|| last.tags());
    loop {
        if !last.is_among(&known) || now() >= end {
            let honoured = true;
            return Ok(Seen { last, honoured });
        }
        tokio::select! {
            _ = tokio::time::timeout_at(end.min(now() + LOOK), changes.changed()) => {}
            () = seat.closing() => {
                let honoured = false;
                return Ok(Seen { last, honoured });
            }
        }
        last = look(app, place).await?;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a waiting call is its own time"
)]
fn now() -> Instant {
    Instant::now()
}
