//! Frees what a stop holds that failed, at the word of an operator.

use rusqlite::OptionalExtension;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::stop::Release;
use taskpilot_fault::Step;
use taskpilot_store::rows::stops::{ReleaseOutcome, ReleaseRequest};

use super::advance::find;
use crate::failure::Failure;
use crate::scheduler::attempts::Name;
use crate::scheduler::executions::change::unblock;
use crate::scheduler::executions::{self, cancel, record};
use crate::scheduler::turn::Turn;

static GET_LAST: &str = include_str!("../../../sql/scheduler/stops/get_last.sql");
static RELEASE: &str = include_str!("../../../sql/scheduler/stops/release.sql");

/// About what a release keeps in memory and writes.
pub(in crate::scheduler) fn bytes(request: &ReleaseRequest) -> usize {
    512 + request.reason.len()
}

pub(in crate::scheduler) fn release(
    turn: &mut Turn<'_>,
    request: &ReleaseRequest,
) -> Result<ReleaseOutcome, Failure> {
    let id = request.id;
    if cancel::find_in(turn, &request.namespace, id)?.is_none() {
        return Ok(ReleaseOutcome::Missing);
    }
    let expected = &request.reference;
    if expected.is_some() && *expected != cancel::reference_of(turn, id)? {
        return Ok(ReleaseOutcome::OtherReference);
    }
    let attempt = match request.attempt {
        Some(attempt) => Some(attempt),
        None => last(turn, id)?,
    };
    let Some(attempt) = attempt else {
        return Ok(ReleaseOutcome::Refused(None));
    };
    let Some(stop) = find(turn, (id, attempt))? else {
        return Ok(ReleaseOutcome::Refused(None));
    };
    match stop.stages.release(turn.now) {
        Release::Now(_) => {
            write(turn, (id, attempt), request)?;
            answer(turn, request).map(ReleaseOutcome::Released)
        }
        Release::Already => answer(turn, request).map(ReleaseOutcome::Already),
        Release::Refused => Ok(ReleaseOutcome::Refused(Some(stop.stages.status))),
    }
}

/// The last attempt that was stopped: while its stop holds, none comes after it.
fn last(turn: &mut Turn<'_>, id: ExecutionId) -> Result<Option<AttemptNumber>, Failure> {
    let statement = turn.statement(GET_LAST)?;
    let found = statement.query_row([id.get()], |row| row.get(0));
    Ok(found.optional()?.map(AttemptNumber))
}

fn write(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    request: &ReleaseRequest,
) -> Result<(), Failure> {
    turn.tx.step(Step::StopRelease);
    let now = turn.now.as_millis();
    let written = turn.statement(RELEASE)?.execute((
        execution.get(),
        attempt.0,
        now,
        request.actor.as_str(),
        &request.reason,
    ))?;
    assert_eq!(
        written, 1,
        "invariant: a stop stands to the end of its transaction"
    );
    turn.memory.news.execution(execution);
    unblock(turn, execution)
}

fn answer(
    turn: &mut Turn<'_>,
    request: &ReleaseRequest,
) -> Result<taskpilot_store::rows::executions::ExecutionRecord, Failure> {
    record::get(turn.tx, &request.namespace, request.id)?.ok_or(Failure::Corrupt {
        table: executions::TABLE,
        column: "id",
        id: request.id.get(),
    })
}
