//! Moves a stop by what became known about it; and once it is settled, its execution goes on.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};
use taskpilot_domain::ids::SessionId;
use taskpilot_domain::stop::{StopEvent, StopFact, StopStages, StopStatus};
use taskpilot_domain::time::Timestamp;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::attempts::Name;
use crate::scheduler::codes::{Coded, word, word_or_none};
use crate::scheduler::executions::change::unblock;
use crate::scheduler::latency;
use crate::scheduler::turn::Turn;

pub(in crate::scheduler) const TABLE: &str = "stop";

static GET: &str = include_str!("../../../sql/scheduler/stops/get.sql");
static UPDATE: &str = include_str!("../../../sql/scheduler/stops/update.sql");

/// What became known, and what was said beside it.
#[derive(Debug, Clone, Copy)]
pub(in crate::scheduler) struct Said<'s> {
    pub(in crate::scheduler) fact: StopFact,
    pub(in crate::scheduler) evidence: Option<&'s Arc<str>>,
}

impl Said<'_> {
    /// What the system itself knows, at the moment at which it happens.
    pub(in crate::scheduler) fn by_system(event: StopEvent) -> Self {
        Self {
            fact: StopFact::of(event),
            evidence: None,
        }
    }
}

/// The part of a stop that moves.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scheduler) struct Stop {
    pub(in crate::scheduler) session: SessionId,
    pub(in crate::scheduler) stages: StopStages,
    evidence: Option<Arc<str>>,
}

/// Applies what was said. None: this attempt was never stopped; else whether the status moved.
pub(in crate::scheduler) fn advance(
    turn: &mut Turn<'_>,
    name: Name,
    said: &Said<'_>,
) -> Result<Option<bool>, Failure> {
    let Some(before) = find(turn, name)? else {
        return Ok(None);
    };
    let Some(stages) = before.stages.after(&said.fact, turn.now) else {
        return Ok(Some(false));
    };
    let after = Stop {
        stages,
        evidence: fill(before.evidence.as_ref(), said.evidence),
        ..before.clone()
    };
    let (from, to) = (before.stages.status, stages.status);
    if after != before {
        update(turn, name, (from, &after))?;
        latency::count(turn, name.0, (&before.stages, &stages))?;
        turn.memory.news.execution(name.0);
    }
    // What was released before is not freed a second time.
    if before.stages.holds() && !stages.holds() {
        unblock(turn, name.0)?;
    }
    Ok(Some(to != from))
}

/// The evidence that came first, and the fields of the later one that it did not have: that a tree
/// outlived its SIGKILL is true beside what proved its end.
fn fill(first: Option<&Arc<str>>, later: Option<&Arc<str>>) -> Option<Arc<str>> {
    let (Some(first), Some(later)) = (first, later) else {
        return first.or(later).cloned();
    };
    // A field that is null was not said.
    let object = |text: &str| {
        let mut fields = serde_json::from_str::<Map<String, Value>>(text).ok()?;
        fields.retain(|_, value| !value.is_null());
        Some(fields)
    };
    let known = object(first).map_or(0, |fields| fields.len());
    let mut fields = object(later).unwrap_or_default();
    fields.extend(object(first)?);
    if fields.len() == known {
        return Some(first.clone());
    }
    Some(Value::Object(fields).to_string().into())
}

/// The stop of an attempt, if it was ever stopped.
pub(in crate::scheduler) fn find(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
) -> Result<Option<Stop>, Failure> {
    let statement = turn.statement(GET)?;
    let found = statement.query_row((execution.get(), attempt.0), |row| Ok(read(row)));
    found.optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<Stop, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("execution")?;
    Ok(Stop {
        session: columns.number("session")?,
        stages: StopStages {
            status: word(&mut columns, "status")?,
            grace_ms: columns.number("grace_ms")?,
            requested_at: columns.instant("requested_at")?,
            delivered_at: columns.instant_or_none("delivered_at")?,
            acknowledged_at: columns.instant_or_none("acknowledged_at")?,
            ended_at: columns.instant_or_none("ended_at")?,
            stops_by: columns.instant_or_none("stops_by")?,
            how: word_or_none(&mut columns, "how")?,
            containment: word_or_none(&mut columns, "containment")?,
            released_at: columns.instant_or_none("released_at")?,
        },
        evidence: columns.value("evidence")?,
    })
}

fn update(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    (expected, stop): (StopStatus, &Stop),
) -> Result<(), Failure> {
    let stages = &stop.stages;
    let written = turn.statement(UPDATE)?.execute(params![
        execution.get(),
        attempt.0,
        expected.code(),
        stages.status.code(),
        stages.delivered_at.map(Timestamp::as_millis),
        stages.acknowledged_at.map(Timestamp::as_millis),
        stages.ended_at.map(Timestamp::as_millis),
        stages.stops_by.map(Timestamp::as_millis),
        stages.how.map(Coded::code),
        stages.containment.map(Coded::code),
        stop.evidence,
    ])?;
    assert_eq!(
        written, 1,
        "invariant: a stop stands to the end of its transaction"
    );
    Ok(())
}
