//! Reads that wait until the execution of a task is told differently.

use std::time::Duration;

use taskpilot_client::scheduler::Watch;
use taskpilot_domain::ids::TaskId;
use taskpilot_server::context::RequestContext;
use taskpilot_server::error::ApiError;
use taskpilot_server::extract::Tags;
use taskpilot_server::tagged::Tagged;
use tokio::time::Instant;

use super::read;
use super::view;
use crate::app::App;

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
    context: &RequestContext,
    id: TaskId,
) -> Result<Tagged, ApiError> {
    let bound = read::bound(app, context, id).await?;
    let told = read::told(app, context, &bound, None).await?;
    Tagged::of(&view::of(told.execution.ok_or_else(nothing_told)?))
}

/// Waits until the execution is told differently from what is known, or from what it is now.
///
/// The scheduler waits, where it offers to. What it tells anew may be nothing new to users: then it
/// is asked again for the rest of the time.
pub(crate) async fn seen(
    app: &App,
    context: &RequestContext,
    id: TaskId,
    (known, wait): (Option<&Tags>, Duration),
) -> Result<Seen, ApiError> {
    let end = now() + wait;
    let bound = read::bound(app, context, id).await?;
    let first = read::told(app, context, &bound, None).await?;
    let (mut tag, mut waits) = (first.tag, first.waits);
    let mut last = Tagged::of(&view::of(first.execution.ok_or_else(nothing_told)?))?;
    let known = known.cloned().unwrap_or_else(|| last.tags());
    loop {
        let (honoured, left) = (waits && tag.is_some(), seconds_until(end));
        let watch = tag.as_deref().map(|seen| Watch { seen, wait: left });
        let Some(watch) = watch.filter(|_| waits && !left.is_zero() && last.is_among(&known))
        else {
            return Ok(Seen { last, honoured });
        };
        let told = read::told(app, context, &bound, Some(watch)).await?;
        match told.execution {
            Some(execution) => {
                last = Tagged::of(&view::of(execution))?;
                // Who tells nothing new, or says so early, would be asked again and again.
                (tag, waits) = (told.tag.clone(), told.waits && told.tag != tag);
            }
            None => waits = told.waits && seconds_until(end).is_zero(),
        }
    }
}

/// Without a condition there is always something to tell.
fn nothing_told() -> ApiError {
    ApiError::fault("a read without a condition told nothing")
}

/// What a preference can say of the time that is left, rounded.
fn seconds_until(end: Instant) -> Duration {
    let left = end.saturating_duration_since(now()) + Duration::from_millis(500);
    Duration::from_secs(left.as_secs())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a waiting call is its own time"
)]
fn now() -> Instant {
    Instant::now()
}
