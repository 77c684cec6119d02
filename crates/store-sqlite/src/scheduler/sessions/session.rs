//! A worker session as the row that says who may act.

use rusqlite::{Connection, OptionalExtension, Row};
use taskpilot_domain::ids::{SessionId, Token};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::sessions::SessionRef;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::turn::Turn;

const GET: &str = include_str!("../../../sql/scheduler/sessions/get.sql");

pub(in crate::scheduler) const TABLE: &str = "worker_session";

/// A session whose token was shown.
#[derive(Debug)]
pub(in crate::scheduler) struct Session {
    pub(in crate::scheduler) id: SessionId,
    pub(in crate::scheduler) namespace: i64,
    token: Token,
    pub(in crate::scheduler) slots: u32,
    pub(in crate::scheduler) lease_until: Timestamp,
    pub(in crate::scheduler) ended_at: Option<Timestamp>,
    /// The last claim that was granted anything, or that a heartbeat has closed: no earlier one is
    /// served any more, and a repeat of it gets nothing new.
    pub(in crate::scheduler) claim_seq: Option<u64>,
}

impl Session {
    /// Whether it may act: neither ended, nor with a lease that is over and only not yet expired.
    pub(in crate::scheduler) fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.lease_until > now
    }
}

/// The session of this id, if the token is its own; it may have ended.
pub(in crate::scheduler) fn find(
    connection: &Connection,
    session: SessionRef,
) -> Result<Option<Session>, Failure> {
    let mut statement = connection.prepare_cached(GET)?;
    let found = statement.query_row([session.id.get()], |row| Ok(read(row)));
    let found = found.optional()?.transpose()?;
    Ok(found.filter(|known| known.token == session.token))
}

/// The same within a transaction.
pub(in crate::scheduler) fn known(
    turn: &Turn<'_>,
    session: SessionRef,
) -> Result<Option<Session>, Failure> {
    find(turn.tx, session)
}

fn read(row: &Row<'_>) -> Result<Session, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    Ok(Session {
        id: columns.number("id")?,
        namespace: columns.value("namespace")?,
        token: Token::from_bytes(columns.value("token")?),
        slots: columns.number("slots")?,
        lease_until: columns.instant("lease_until")?,
        ended_at: columns.instant_or_none("ended_at")?,
        claim_seq: columns
            .value::<Option<i64>>("claim_seq")?
            .map(i64::cast_unsigned),
    })
}
