//! Claims: hand-ins first, then grants, and a wait where nothing is due.

use std::time::Duration;

use taskpilot_api::errors::ErrorCode;
use taskpilot_api::workers::{Claim, ClaimAnswer};
use taskpilot_domain::ids::Fence;
use taskpilot_server::error::ApiError;
use taskpilot_server::waiting::{Seat, Waits};
use taskpilot_store::rows::sessions::{ClaimOutcome, ClaimRequest, HandIn, SessionRef};
use tokio::time::Instant;

use super::convert::{gone, grant, hand_in, verdicts};
use super::known::known;
use crate::app::App;
use crate::http::error::unavailable;
use crate::hub::{ClaimSeat, Interest, Look};
use crate::secrets;

/// A waiting claim looks again after this time, should a wake have been lost.
const LOOK: Duration = Duration::from_secs(2);

/// Answers a claim.
pub(crate) async fn claim(
    app: &App,
    session: SessionRef,
    claim: Claim,
    waits: &Waits,
) -> Result<ClaimAnswer, ApiError> {
    let end = now() + Duration::from_millis(claim.wait_ms);
    let hand_ins: Vec<HandIn> = claim.reports.into_iter().map(hand_in).collect();
    let known = known(app, session.id).await?;
    let asked = Asked {
        session,
        seq: claim.claim_seq,
        max: known
            .as_ref()
            .map_or(claim.max, |known| claim.max.min(known.slots)),
    };
    // The first look also proves the token: who has not got it takes nobody's place.
    let looked = once(app, asked, hand_ins).await?;
    let waits_for_more = claim.wait_ms > 0 && claim.max > 0 && !looked.is_final();
    // Without a free seat the claim is answered at once: the worker asks again.
    let seat = waits_for_more.then(|| waits.try_enter()).flatten();
    match (known, seat) {
        (Some(known), Some(seat)) => wait(app, asked, &known.interest, (end, &seat)).await,
        _ => Ok(looked.answer),
    }
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    session: SessionRef,
    seq: u64,
    max: u32,
}

/// What one look came to.
struct Looked {
    answer: ClaimAnswer,
    repeat: bool,
    drained: bool,
}

impl Looked {
    /// A repeat never gets more than its first answer held. If all of that has ended it would wait
    /// in vain, and its worker with it: orders for those attempts are answered only after it.
    fn is_final(&self) -> bool {
        self.repeat || !self.answer.grants.is_empty()
    }

    /// What it says of what is left. Slots only become free while a session waits.
    fn look(&self) -> Look {
        match (self.answer.grants.is_empty(), self.drained) {
            (true, true) => Look::FoundNothing,
            (true, false) => Look::HadNoRoom,
            (false, true) => Look::TookTheLast,
            (false, false) => Look::TookSome,
        }
    }
}

/// Registers first, looks, then waits: what becomes ready in between is not missed.
async fn wait(
    app: &App,
    asked: Asked,
    interest: &Interest,
    (end, seat): (Instant, &Seat),
) -> Result<ClaimAnswer, ApiError> {
    // The place of the round before, whose wake is answered for after the look that it caused. Where
    // this call is dropped meanwhile, so is the place, and the wake goes to the next.
    let mut before: Option<ClaimSeat> = None;
    loop {
        let mut place = app.hub.wait_for_work(asked.session.id, interest.clone());
        let looked = once(app, asked, Vec::new()).await?;
        if let Some(woken) = before.take().filter(ClaimSeat::is_woken) {
            woken.looked(looked.look());
        }
        if looked.is_final() || now() >= end || !woken(&mut place, end, seat).await {
            return Ok(looked.answer);
        }
        before = Some(place);
    }
}

/// Waits for a wake, or for the time of the next look; `false` when the claim is over.
async fn woken(place: &mut ClaimSeat, end: Instant, seat: &Seat) -> bool {
    let look = end.min(now() + LOOK);
    tokio::select! {
        outcome = tokio::time::timeout_at(look, place.woken()) => outcome.unwrap_or(true),
        () = seat.closing() => false,
    }
}

async fn once(app: &App, asked: Asked, hand_ins: Vec<HandIn>) -> Result<Looked, ApiError> {
    let fences: Vec<Fence> = hand_ins.iter().map(|item| item.fence).collect();
    let request = ClaimRequest {
        session: asked.session,
        seq: asked.seq,
        tokens: secrets::tokens(asked.max)?,
        hand_ins,
    };
    let now = app.outages.heed(app).await.map_err(unavailable)?;
    match app.store.claim(now, request).await.map_err(unavailable)? {
        ClaimOutcome::Served {
            grants,
            verdicts: given,
            remaining_ms,
            repeat,
            drained,
        } => Ok(Looked {
            answer: ClaimAnswer {
                claim_seq: asked.seq,
                grants: grants.into_iter().map(grant).collect(),
                verdicts: verdicts(&fences, &given),
                remaining_ms,
            },
            repeat,
            drained,
        }),
        ClaimOutcome::OutOfOrder => {
            let detail = "a newer claim of this session was answered";
            Err(ApiError::new(ErrorCode::ClaimConflict, detail))
        }
        ClaimOutcome::Gone { why, .. } => Err(gone(why)),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a waiting call is its own time"
)]
fn now() -> Instant {
    Instant::now()
}
