//! Hand-ins, starts and stop reports.

use taskpilot_api::workers::{FencedAttempt, Report, StopFact, Verdicts};
use taskpilot_domain::ids::Fence;
use taskpilot_domain::stop::StopEvent;
use taskpilot_server::error::ApiError;
use taskpilot_store::rows::sessions::{FinishOutcome, HandIn, SessionGone, SessionRef};
use taskpilot_store::rows::stops::{StopReport, StopVerdict};

use super::convert::{gone, hand_in, stop_report, stop_verdicts, verdicts};
use crate::app::App;
use crate::http::error::unavailable;

/// Takes the ends of attempts; also from a session that has ended.
pub(crate) async fn results(
    app: &App,
    session: SessionRef,
    reports: Vec<Report>,
) -> Result<Verdicts, ApiError> {
    let items: Vec<HandIn> = reports.into_iter().map(hand_in).collect();
    let fences: Vec<Fence> = items.iter().map(|item| item.fence).collect();
    let outcome = app
        .store
        .finish_attempts(app.clock.now(), session, items)
        .await;
    match outcome.map_err(unavailable)? {
        FinishOutcome::Judged(given) => Ok(Verdicts {
            verdicts: verdicts(&fences, &given),
        }),
        FinishOutcome::UnknownSession => Err(gone(SessionGone::Unknown)),
    }
}

/// Says which attempts may begin.
pub(crate) async fn starts(
    app: &App,
    session: SessionRef,
    attempts: Vec<FencedAttempt>,
) -> Result<Verdicts, ApiError> {
    let fences: Vec<Fence> = attempts.into_iter().map(Into::into).collect();
    // A lease that lapsed in an outage of ours is extended first.
    let now = app.outages.heed(app).await.map_err(unavailable)?;
    let given = app.store.confirm_starts(now, session, fences.clone()).await;
    let given = given.map_err(unavailable)?.map_err(gone)?;
    Ok(Verdicts {
        verdicts: verdicts(&fences, &given),
    })
}

/// Takes what became known of stops; also from a session that has ended.
pub(crate) async fn stops(
    app: &App,
    session: SessionRef,
    facts: Vec<StopFact>,
) -> Result<Verdicts, ApiError> {
    let reports: Vec<StopReport> = facts.into_iter().map(stop_report).collect();
    let fences: Vec<Fence> = reports.iter().map(|report| report.fence).collect();
    let stuck = stuck(&reports);
    let given = app
        .store
        .report_stops(app.clock.now(), session, reports)
        .await;
    let given = given.map_err(unavailable)?.map_err(gone)?;
    alert(session, &stuck, &given);
    Ok(Verdicts {
        verdicts: stop_verdicts(&fences, &given),
    })
}

/// What was not ended by SIGKILL is for people to look at.
pub(super) fn alert(session: SessionRef, stuck: &[Option<Fence>], given: &[StopVerdict]) {
    for (fence, verdict) in stuck.iter().zip(given) {
        if let (Some(fence), StopVerdict::Recorded) = (fence, verdict) {
            tracing::warn!(
                session = session.id.get(),
                execution = fence.execution.get(),
                attempt = fence.attempt.0,
                "SIGKILL did not end the work: its stop is STUCK, and the worker is given no more until \
                 that is settled or released"
            );
        }
    }
}

/// Those of the reports that say so.
pub(super) fn stuck(reports: &[StopReport]) -> Vec<Option<Fence>> {
    let said = |report: &StopReport| {
        let stuck = report.event == StopEvent::Unkillable;
        stuck.then_some(report.fence)
    };
    reports.iter().map(said).collect()
}
