//! An execution as far as a decision needs it.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::execution::Standing;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::retry::{Backoff, RetryPolicy};

use super::create::Places;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::{Place, word};
use crate::scheduler::queues::Counted;
use crate::scheduler::turn::Turn;

static GET: &str = include_str!("../../../sql/scheduler/executions/get.sql");

pub(in crate::scheduler) const TABLE: &str = "execution";

/// An execution, as far as a decision and its consequences need it.
#[derive(Debug)]
pub(in crate::scheduler) struct Found {
    pub(in crate::scheduler) id: ExecutionId,
    pub(in crate::scheduler) namespace: i64,
    pub(in crate::scheduler) queue: i64,
    /// None for one that was canceled before it was created: it is final, and never claimed.
    pub(in crate::scheduler) kind: Option<i64>,
    pub(in crate::scheduler) place: Place,
    pub(in crate::scheduler) standing: Standing,
}

impl Found {
    /// The numbers of its names.
    pub(in crate::scheduler) fn places(&self) -> Places {
        Places {
            namespace: self.namespace,
            queue: self.queue,
            kind: self.kind,
        }
    }

    /// Where it is counted.
    pub(in crate::scheduler) fn counted(&self) -> Option<Counted> {
        Counted::of(self.place, &self.standing)
    }

    /// Reads the columns that every statement for a decision begins with.
    pub(in crate::scheduler) fn read(columns: &mut Columns<'_, '_>) -> Result<Self, Failure> {
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
pub(in crate::scheduler) fn find(
    turn: &mut Turn<'_>,
    id: ExecutionId,
) -> Result<Option<Found>, Failure> {
    let statement = turn.statement(GET)?;
    let found = statement.query_row([id.get()], |row| Ok(read(row)));
    found.optional()?.transpose()
}

/// The execution of a row that says that there is one.
pub(in crate::scheduler) fn get(turn: &mut Turn<'_>, id: ExecutionId) -> Result<Found, Failure> {
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
pub(super) fn standing(columns: &mut Columns<'_, '_>) -> Result<(Place, Standing), Failure> {
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
