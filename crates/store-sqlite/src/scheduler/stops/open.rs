//! Opens the stop of an attempt that may still run.

use rusqlite::{OptionalExtension, Row, params};
use taskpilot_domain::ids::SessionId;
use taskpilot_domain::lease::stops_by_undelivered;
use taskpilot_domain::stop::{Containment, StopCause, StopStatus};
use taskpilot_domain::time::Timestamp;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::attempts::{Name, TABLE};
use crate::scheduler::codes::{Coded, word};
use crate::scheduler::turn::Turn;

static GET_LEASE: &str = include_str!("../../../sql/scheduler/stops/get_lease.sql");
static INSERT: &str = include_str!("../../../sql/scheduler/stops/insert.sql");

/// Writes the order for the session that holds the attempt, with the bound that is promised.
pub(in crate::scheduler) fn open(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    cause: StopCause,
) -> Result<(), Failure> {
    let now = turn.now;
    let lease = lease(turn, (execution, attempt))?;
    turn.memory.news.orders(lease.session);
    let stops_by = lease.promise(now);
    turn.statement(INSERT)?.execute(params![
        execution.get(),
        attempt.0,
        lease.session.get(),
        StopStatus::Requested.code(),
        cause.code(),
        lease.grace_ms,
        now.as_millis(),
        stops_by.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

/// What the bound of a new stop follows from.
struct Lease {
    session: SessionId,
    until: Timestamp,
    containment: Containment,
    grace_ms: u32,
}

impl Lease {
    /// None for code inside a worker: nobody can make it end.
    fn promise(&self, now: Timestamp) -> Option<Timestamp> {
        match self.containment {
            Containment::InProcess => None,
            Containment::Cgroup | Containment::Subreaper => Some(stops_by_undelivered(
                self.until,
                now,
                u64::from(self.grace_ms),
            )),
        }
    }
}

fn lease(turn: &mut Turn<'_>, (execution, attempt): Name) -> Result<Lease, Failure> {
    let statement = turn.statement(GET_LEASE)?;
    let found = statement.query_row((execution.get(), attempt.0), |row| Ok(read(row)));
    found.optional()?.ok_or(Failure::Corrupt {
        table: TABLE,
        column: "session",
        id: execution.get(),
    })?
}

fn read(row: &Row<'_>) -> Result<Lease, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("execution")?;
    Ok(Lease {
        session: columns.number("session")?,
        until: columns.instant("lease_until")?,
        containment: word(&mut columns, "containment")?,
        grace_ms: columns.number("cancel_grace_ms")?,
    })
}
