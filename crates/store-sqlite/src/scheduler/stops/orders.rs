//! What a session must still prove, and which of it is an order it has not confirmed.

use rusqlite::{Connection, Row};
use taskpilot_domain::ids::{AttemptNumber, Fence, SessionId, Token};
use taskpilot_domain::limits::SLOTS_MAX;
use taskpilot_domain::stop::StopStatus;
use taskpilot_store::rows::sessions::{SessionGone, SessionRef};
use taskpilot_store::rows::stops::StopOrder;

use super::TABLE;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word;
use crate::scheduler::sessions;

const LIST_OPEN: &str = include_str!("../../../sql/scheduler/stops/list_open.sql");
const COUNT_OPEN: &str = include_str!("../../../sql/scheduler/stops/count_open.sql");
const COUNT_RELEASED: &str = include_str!("../../../sql/scheduler/stops/count_released.sql");

/// A stop that is not settled.
pub(in crate::scheduler) struct Open {
    pub(in crate::scheduler) status: StopStatus,
    pub(in crate::scheduler) order: StopOrder,
}

/// Reads the orders that a session has not confirmed.
pub(in crate::scheduler) fn list(
    connection: &Connection,
    session: SessionRef,
) -> Result<Result<Vec<StopOrder>, SessionGone>, Failure> {
    let Some(session) = sessions::find(connection, session)? else {
        return Ok(Err(SessionGone::Unknown));
    };
    if session.ended_at.is_some() {
        return Ok(Err(SessionGone::Ended));
    }
    let open = list_open(connection, session.id, SLOTS_MAX)?;
    Ok(Ok(unconfirmed(open)))
}

/// The orders that must be repeated.
pub(in crate::scheduler) fn unconfirmed(open: Vec<Open>) -> Vec<StopOrder> {
    open.into_iter()
        .filter(|stop| stop.status.wants_order())
        .map(|stop| stop.order)
        .collect()
}

/// The stops of a session that are not settled. Its slots bound them, and `limit`.
pub(in crate::scheduler) fn list_open(
    connection: &Connection,
    session: SessionId,
    limit: u32,
) -> Result<Vec<Open>, Failure> {
    let mut statement = connection.prepare_cached(LIST_OPEN)?;
    let rows = statement.query_map((session.get(), limit), |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> Result<Open, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let execution = columns.number("execution")?;
    let attempt = AttemptNumber(columns.number("attempt")?);
    let token = Token::from_bytes(columns.value("token")?);
    let status = word(&mut columns, "status")?;
    let order = StopOrder {
        fence: Fence {
            execution,
            attempt,
            token,
        },
        cause: word(&mut columns, "cause")?,
        grace_ms: columns.number("grace_ms")?,
        requested_at: columns.instant("requested_at")?,
        actor: columns.word_or_none("canceled_by")?,
        reason: columns.value("reason")?,
    };
    Ok(Open { status, order })
}

/// How many slots of a session its stops hold.
pub(in crate::scheduler) fn count_open(
    connection: &Connection,
    session: i64,
) -> Result<(u32, u32), Failure> {
    let mut statement = connection.prepare_cached(COUNT_OPEN)?;
    Ok(statement.query_row([session], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// How many stops of a session are not settled and hold nothing any more.
pub(in crate::scheduler) fn count_released(
    connection: &Connection,
    session: i64,
) -> Result<u32, Failure> {
    let mut statement = connection.prepare_cached(COUNT_RELEASED)?;
    Ok(statement.query_row([session], |row| row.get(0))?)
}
