//! Signs of life.

use std::collections::HashSet;

use taskpilot_api::executions::Progress;
use taskpilot_api::workers::{AttemptProgress, AttemptRef, Beat, HeartbeatAnswer};
use taskpilot_domain::ids::{ExecutionId, Fence};
use taskpilot_domain::time::Timestamp;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::sessions::{Heartbeat, HeartbeatOutcome, SaidProgress, SessionRef};
use taskpilot_store::rows::stops::{Held, StopReport};

use super::convert::{gone, order, stop_report, stop_verdicts};
use super::report::{alert, stuck};
use crate::app::App;
use crate::http::error::unavailable;

/// Renews a session and tells it what it must know.
pub(crate) async fn heartbeat(
    app: &App,
    session: SessionRef,
    beat: Beat,
) -> Result<HeartbeatAnswer, ApiError> {
    let now = app.outages.heed(app).await.map_err(unavailable)?;
    let stops: Vec<StopReport> = beat.stops.into_iter().map(stop_report).collect();
    let fences: Vec<Fence> = stops.iter().map(|stop| stop.fence).collect();
    let stuck = stuck(&stops);
    let held: Vec<Held> = beat.held.iter().map(named).collect();
    let mut own: HashSet<Held> = held.iter().copied().collect();
    let heartbeat = Heartbeat {
        session,
        held,
        answered_seq: beat.claim_seq,
        stops,
        progress: beat.progress.iter().map(said).collect(),
        lease_ms: app.config.lease_ms,
    };
    match app
        .store
        .heartbeat(now, heartbeat)
        .await
        .map_err(unavailable)?
    {
        HeartbeatOutcome::Renewed {
            remaining_ms,
            orders,
            lost,
            stop_verdicts: given,
        } => {
            alert(session, &stuck, &given);
            for one in &lost {
                own.remove(one);
            }
            let told: Vec<ExecutionId> = beat.progress.iter().map(|one| one.execution_id).collect();
            let said = beat.progress.into_iter().map(|one| noted(one, now));
            app.progress.note(session.id, &own, said);
            for id in told {
                app.hub.execution_changed(id);
            }
            Ok(HeartbeatAnswer {
                remaining_ms,
                orders: orders.iter().map(order).collect(),
                lost: lost.into_iter().map(reference).collect(),
                verdicts: stop_verdicts(&fences, &given),
            })
        }
        HeartbeatOutcome::Gone(why) => Err(gone(why)),
    }
}

fn named(attempt: &AttemptRef) -> Held {
    (attempt.execution_id, attempt.attempt)
}

fn reference((execution_id, attempt): Held) -> AttemptRef {
    AttemptRef {
        execution_id,
        attempt,
    }
}

fn said(progress: &AttemptProgress) -> SaidProgress {
    SaidProgress {
        attempt: (progress.execution_id, progress.attempt),
        percent: progress.percent,
        message: progress.message.clone(),
    }
}

fn noted(progress: AttemptProgress, at: Timestamp) -> (ExecutionId, Progress) {
    let noted = Progress {
        attempt: progress.attempt,
        percent: progress.percent,
        message: progress.message,
        at,
    };
    (progress.execution_id, noted)
}
