//! Rows of worker sessions: who may act, and what a session leaves when it ends.

pub(super) mod end;
pub(super) mod heartbeat;
pub(super) mod list;
pub(super) mod register;

use rusqlite::{Connection, OptionalExtension, Row};
use taskpilot_domain::ids::{SessionId, Token};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::sessions::SessionRef;

use super::turn::Turn;
use crate::decode::Columns;
use crate::failure::Failure;

const GET: &str = include_str!("../../../sql/scheduler/sessions/get.sql");

pub(super) const TABLE: &str = "worker_session";

/// A session whose token was shown.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) namespace: i64,
    token: Token,
    pub(super) slots: u32,
    pub(super) lease_until: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    /// The last claim that was granted anything.
    pub(super) claim_seq: Option<u64>,
}

impl Session {
    /// Whether it may act: neither ended, nor with a lease that is over and only not yet expired.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.lease_until > now
    }
}

/// The session of this id, if the token is its own; it may have ended.
pub(super) fn find(
    connection: &Connection,
    session: SessionRef,
) -> Result<Option<Session>, Failure> {
    let mut statement = connection.prepare_cached(GET)?;
    let found = statement.query_row([session.id.get()], |row| Ok(read(row)));
    let found = found.optional()?.transpose()?;
    Ok(found.filter(|known| known.token == session.token))
}

/// The same within a transaction.
pub(super) fn known(turn: &Turn<'_>, session: SessionRef) -> Result<Option<Session>, Failure> {
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
