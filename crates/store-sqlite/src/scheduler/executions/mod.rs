//! Rows of executions: what a decision needs of them, and what a decision does to them.

pub(super) mod cancel;
pub(super) mod change;
pub(super) mod create;
pub(super) mod deadlines;
pub(super) mod list;
pub(super) mod promote;
pub(super) mod record;

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::execution::Standing;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::retry::{Backoff, RetryPolicy};

use super::codes::{Place, word};
use super::turn::Turn;
use crate::decode::Columns;
use crate::failure::Failure;

static GET: &str = include_str!("../../../sql/scheduler/executions/get.sql");

pub(super) const TABLE: &str = "execution";

/// An execution, as far as a decision and its consequences need it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: ExecutionId,
    pub(super) namespace: i64,
    pub(super) queue: i64,
    /// None for one that was canceled before it was created: it is final, and never claimed.
    pub(super) kind: Option<i64>,
    pub(super) place: Place,
    pub(super) standing: Standing,
}

impl Found {
    /// Reads the columns that every statement for a decision begins with.
    pub(super) fn read(columns: &mut Columns<'_, '_>) -> Result<Self, Failure> {
        let id = columns.number("id")?;
        let namespace = columns.value("namespace")?;
        let queue = columns.value("queue")?;
        let kind = columns.value("type")?;
        let (place, standing) = standing(columns)?;
        Ok(Self {
            id,
            namespace,
            queue,
            kind,
            place,
            standing,
        })
    }
}

/// Finds an execution, whosever it is.
pub(super) fn find(turn: &mut Turn<'_>, id: ExecutionId) -> Result<Option<Found>, Failure> {
    let statement = turn.statement(GET)?;
    let found = statement.query_row([id.get()], |row| Ok(read(row)));
    found.optional()?.transpose()
}

/// The execution of a row that says that there is one.
pub(super) fn get(turn: &mut Turn<'_>, id: ExecutionId) -> Result<Found, Failure> {
    find(turn, id)?.ok_or(Failure::Corrupt {
        table: TABLE,
        column: "id",
        id: id.get(),
    })
}

fn read(row: &Row<'_>) -> Result<Found, Failure> {
    Found::read(&mut Columns::of(row, TABLE)?)
}

/// Reads the columns of a standing.
fn standing(columns: &mut Columns<'_, '_>) -> Result<(Place, Standing), Failure> {
    let place: Place = word(columns, "state")?;
    let attempt = AttemptNumber(columns.number("attempt")?);
    let attempt_count = columns.number("attempt_count")?;
    let uncounted = columns.number("uncounted")?;
    let max_attempts = columns.number("max_attempts")?;
    let available_at = columns.instant("run_at")?;
    let started_at = columns.instant("started_at")?;
    let stop_unproven = columns.value("stop_unproven")?;
    let scheduled_for = columns.instant("scheduled_for")?;
    let backoff = Backoff {
        initial_ms: columns.number("backoff_initial_ms")?,
        max_ms: columns.number("backoff_max_ms")?,
        factor: columns.value("backoff_factor")?,
    };
    let standing = Standing {
        state: place.state(),
        attempt,
        attempt_count,
        uncounted,
        scheduled_for,
        available_at,
        processing_started_at: (attempt_count > 0).then_some(started_at),
        stop_unproven,
        policy: RetryPolicy {
            max_attempts,
            backoff,
        },
    };
    Ok((place, standing))
}
