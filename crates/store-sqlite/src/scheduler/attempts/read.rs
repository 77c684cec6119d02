//! The attempts of an execution, as people see them.

use std::sync::Arc;

use rusqlite::{Connection, Row};
use taskpilot_domain::execution::AttemptEnd;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::limits::OUTPUTS_TOLD_MAX;
use taskpilot_domain::stop::StopStatus;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::attempts::{AttemptError, AttemptRecord, Exit, LateReport, OutputTail};
use taskpilot_store::rows::stops::{ReleaseRecord, StopRecord};

use super::TABLE;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word_or_none;

const LIST: &str = include_str!("../../../sql/scheduler/attempts/list.sql");
const LIST_OUTPUTS: &str = include_str!("../../../sql/scheduler/attempts/list_outputs.sql");

/// An attempt, and the result that is the execution's if it succeeded.
pub(in crate::scheduler) struct Kept {
    pub(in crate::scheduler) record: AttemptRecord,
    pub(in crate::scheduler) result: Option<Arc<str>>,
}

/// The attempts of an execution, the first one first, without what they printed.
pub(in crate::scheduler) fn list(
    connection: &Connection,
    id: ExecutionId,
) -> Result<Vec<Kept>, Failure> {
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map([id.get()], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> Result<Kept, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("execution")?;
    let number = AttemptNumber(columns.number("attempt")?);
    let session = columns.number("session")?;
    let worker = columns.word("worker")?;
    let claimed_at = columns.instant("claimed_at")?;
    let confirmed_at = columns.instant_or_none("confirmed_at")?;
    let ended_at = columns.instant_or_none("ended_at")?;
    let end = word_or_none(&mut columns, "outcome")?;
    let error = error(&mut columns)?;
    let exit = Exit {
        code: columns.value("exit_code")?,
        signal: columns.value("exit_signal")?,
    };
    let late_at = columns.instant_or_none("late_at")?;
    let late_outcome = word_or_none(&mut columns, "late_outcome")?;
    let brought = brought(&mut columns)?;
    let result = columns.value("result")?;
    let stop = stop(&mut columns)?;
    let record = AttemptRecord {
        number,
        session,
        worker,
        claimed_at,
        confirmed_at,
        ended_at,
        end,
        error,
        exit,
        output: None,
        late: late_at
            .zip(late_outcome)
            .map(|(at, outcome)| brought.report(at, outcome)),
        stop,
    };
    Ok(Kept { record, result })
}

/// What a late report brought.
struct Brought {
    result_bytes: Option<u64>,
    result: Option<Arc<str>>,
    error: Option<AttemptError>,
}

impl Brought {
    fn report(self, at: Timestamp, outcome: AttemptEnd) -> LateReport {
        LateReport {
            at,
            outcome,
            result_bytes: self.result_bytes,
            result: self.result,
            error: self.error,
        }
    }
}

fn brought(columns: &mut Columns<'_, '_>) -> Result<Brought, Failure> {
    let result_bytes = columns.number_or_none("late_result_bytes")?;
    let result = columns.value("late_result")?;
    let code: Option<String> = columns.value("late_error_code")?;
    let message: Option<String> = columns.value("late_error_message")?;
    let error = code.zip(message);
    Ok(Brought {
        result_bytes,
        result,
        error: error.map(|(code, message)| AttemptError { code, message }),
    })
}

/// The columns of an error, if there is one.
pub(in crate::scheduler) fn error(
    columns: &mut Columns<'_, '_>,
) -> Result<Option<AttemptError>, Failure> {
    let code: Option<String> = columns.value("error_code")?;
    let message: Option<String> = columns.value("error_message")?;
    Ok(code
        .zip(message)
        .map(|(code, message)| AttemptError { code, message }))
}

/// The columns of a stop, if there is one.
fn stop(columns: &mut Columns<'_, '_>) -> Result<Option<StopRecord>, Failure> {
    let status: Option<StopStatus> = word_or_none(columns, "status")?;
    let cause = word_or_none(columns, "cause")?;
    let requested_at = columns.instant_or_none("requested_at")?;
    let delivered_at = columns.instant_or_none("delivered_at")?;
    let acknowledged_at = columns.instant_or_none("acknowledged_at")?;
    let ended_at = columns.instant_or_none("stop_ended_at")?;
    let how = word_or_none(columns, "how")?;
    let containment = word_or_none(columns, "containment")?;
    let stops_by = columns.instant_or_none("stops_by")?;
    let evidence = columns.value("evidence")?;
    let released = released(columns)?;
    let (Some(status), Some(cause), Some(requested_at)) = (status, cause, requested_at) else {
        return Ok(None);
    };
    Ok(Some(StopRecord {
        status,
        cause,
        requested_at,
        delivered_at,
        acknowledged_at,
        ended_at,
        how,
        containment,
        evidence,
        stops_by,
        released,
    }))
}

fn released(columns: &mut Columns<'_, '_>) -> Result<Option<ReleaseRecord>, Failure> {
    let at = columns.instant_or_none("released_at")?;
    let by = columns.word_or_none("released_by")?;
    let reason: Option<String> = columns.value("release_reason")?;
    Ok(at
        .zip(by.zip(reason))
        .map(|(at, (by, reason))| ReleaseRecord { at, by, reason }))
}

/// Adds what each attempt printed last.
pub(in crate::scheduler) fn add_outputs(
    connection: &Connection,
    id: ExecutionId,
    attempts: &mut [AttemptRecord],
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(LIST_OUTPUTS)?;
    let most = i64::from(OUTPUTS_TOLD_MAX);
    let rows = statement.query_map([id.get(), most], |row| Ok(read_output(row)))?;
    for row in rows {
        let (number, output) = row??;
        let attempt = attempts.iter_mut().find(|attempt| attempt.number == number);
        if let Some(attempt) = attempt {
            attempt.output = Some(Arc::new(output));
        }
    }
    Ok(())
}

fn read_output(row: &Row<'_>) -> Result<(AttemptNumber, OutputTail), Failure> {
    let mut columns = Columns::of(row, "output")?;
    columns.value::<i64>("execution")?;
    let number = AttemptNumber(columns.number("attempt")?);
    let stdout_truncated = columns.value("stdout_truncated")?;
    let stderr_truncated = columns.value("stderr_truncated")?;
    let output = OutputTail {
        stdout: columns.value("stdout")?,
        stderr: columns.value("stderr")?,
        stdout_truncated,
        stderr_truncated,
    };
    Ok((number, output))
}
