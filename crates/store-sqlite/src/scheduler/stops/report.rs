//! Takes what workers report about stops, also from a session that has ended.

use rusqlite::OptionalExtension;
use taskpilot_domain::ids::Fence;
use taskpilot_domain::stop::StopFact;
use taskpilot_fault::Step;
use taskpilot_store::rows::sessions::{SessionGone, SessionRef};
use taskpilot_store::rows::stops::{StopReport, StopVerdict};

use super::advance::{Said, advance};
use crate::failure::Failure;
use crate::scheduler::sessions::{self, Session};
use crate::scheduler::turn::Turn;

static GET_REPORTED: &str = include_str!("../../../sql/scheduler/stops/get_reported.sql");

/// About what a report keeps in memory and writes.
pub(in crate::scheduler) fn bytes(report: &StopReport) -> usize {
    128 + report.evidence.as_ref().map_or(0, |text| text.len())
}

pub(in crate::scheduler) fn report(
    turn: &mut Turn<'_>,
    session: SessionRef,
    reports: &[StopReport],
) -> Result<Result<Vec<StopVerdict>, SessionGone>, Failure> {
    let Some(session) = sessions::known(turn, session)? else {
        return Ok(Err(SessionGone::Unknown));
    };
    take_all(turn, &session, reports).map(Ok)
}

/// One verdict per report. Each sees the earlier ones.
pub(in crate::scheduler) fn take_all(
    turn: &mut Turn<'_>,
    session: &Session,
    reports: &[StopReport],
) -> Result<Vec<StopVerdict>, Failure> {
    if !reports.is_empty() {
        turn.tx.step(Step::StopTake);
    }
    reports
        .iter()
        .map(|report| take(turn, session, report))
        .collect()
}

fn take(
    turn: &mut Turn<'_>,
    session: &Session,
    report: &StopReport,
) -> Result<StopVerdict, Failure> {
    if !is_of(turn, session, report.fence)? {
        return Ok(StopVerdict::Unknown);
    }
    let said = Said {
        fact: StopFact {
            event: report.event,
            ago_ms: report.ago_ms,
            containment: report.containment,
        },
        evidence: report.evidence.as_ref(),
    };
    advance(turn, (report.fence.execution, report.fence.attempt), &said)?;
    Ok(StopVerdict::Recorded)
}

/// Whether there is a stop of this very attempt, in the namespace of the session.
fn is_of(turn: &mut Turn<'_>, session: &Session, fence: Fence) -> Result<bool, Failure> {
    let statement = turn.statement(GET_REPORTED)?;
    let params = (fence.execution.get(), fence.attempt.0);
    let found: Option<(i64, [u8; 16])> = statement
        .query_row(params, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.is_some_and(|(namespace, token)| {
        token == *fence.token.as_bytes() && namespace == session.namespace
    }))
}
