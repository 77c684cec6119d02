//! Moves a stop by what became known about it; and once it is settled, its execution goes on.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};
use taskpilot_domain::ids::SessionId;
use taskpilot_domain::lease::stops_by_delivered;
use taskpilot_domain::stop::{self, Containment, How, StopChange, StopEvent, StopStatus};
use taskpilot_domain::time::Timestamp;

use super::TABLE;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::attempts::Name;
use crate::scheduler::codes::{Coded, word, word_or_none};
use crate::scheduler::executions::change::unblock;
use crate::scheduler::turn::Turn;

static GET: &str = include_str!("../../../sql/scheduler/stops/get.sql");
static UPDATE: &str = include_str!("../../../sql/scheduler/stops/update.sql");

/// What became known.
#[derive(Debug, Clone, Copy)]
pub(in crate::scheduler) struct Fact<'f> {
    pub(in crate::scheduler) event: StopEvent,
    pub(in crate::scheduler) ago_ms: u64,
    pub(in crate::scheduler) containment: Option<Containment>,
    pub(in crate::scheduler) evidence: Option<&'f Arc<str>>,
}

impl Fact<'_> {
    /// What the system itself knows, at the moment at which it happens.
    pub(in crate::scheduler) fn of(event: StopEvent) -> Self {
        Self {
            event,
            ago_ms: 0,
            containment: None,
            evidence: None,
        }
    }
}

/// The part of a stop that moves.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scheduler) struct Stop {
    pub(in crate::scheduler) session: SessionId,
    pub(in crate::scheduler) status: StopStatus,
    grace_ms: u32,
    requested_at: Timestamp,
    delivered_at: Option<Timestamp>,
    acknowledged_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    stops_by: Option<Timestamp>,
    how: Option<How>,
    containment: Option<Containment>,
    evidence: Option<Arc<str>>,
}

/// Applies a fact. None: this attempt was never stopped; else whether the status moved.
pub(in crate::scheduler) fn advance(
    turn: &mut Turn<'_>,
    name: Name,
    fact: &Fact<'_>,
) -> Result<Option<bool>, Failure> {
    let Some(before) = find(turn, name)? else {
        return Ok(None);
    };
    let change = stop::advance(before.status, fact.event);
    let after = match change {
        StopChange::Moved(status) => Stop {
            status,
            ..before.filled(fact, turn.now)
        },
        StopChange::Evidence => before.filled(fact, turn.now),
        StopChange::NoOp => return Ok(Some(false)),
    };
    if after != before {
        update(turn, name, (before.status, &after))?;
        turn.memory.news.execution(name.0);
    }
    if after.status.is_settled() && !before.status.is_settled() {
        unblock(turn, name.0)?;
    }
    Ok(Some(after.status != before.status))
}

impl Stop {
    /// Fills what is empty. A worker that signals its handler has had the order; how long before
    /// its end a work was signaled, nobody knows who was not told.
    fn filled(&self, fact: &Fact<'_>, now: Timestamp) -> Self {
        let mut filled = self.clone();
        filled.containment = self.containment.or(fact.containment);
        filled.evidence = fill(self.evidence.as_ref(), fact.evidence);
        match fact.event {
            StopEvent::Delivered => filled.deliver(fact, now),
            StopEvent::Acknowledged => {
                filled.deliver(fact, now);
                let between = (filled.delivered_at, filled.ended_at);
                let at = filled.stamp(fact, now, between);
                filled.acknowledged_at = self.acknowledged_at.or(Some(at));
            }
            StopEvent::Ended(how) => {
                filled.how = self.how.or(Some(how));
                filled.end(fact, now);
            }
            StopEvent::WorkerGone => filled.end(fact, now),
            StopEvent::GaveUp | StopEvent::Unkillable | StopEvent::Overdue => {}
        }
        filled
    }

    fn deliver(&mut self, fact: &Fact<'_>, now: Timestamp) {
        if self.delivered_at.is_none() {
            let between = (None, self.acknowledged_at.or(self.ended_at));
            let at = self.stamp(fact, now, between);
            self.delivered_at = Some(at);
            self.stops_by = self
                .stops_by
                .map(|promised| stops_by_delivered(promised, at, u64::from(self.grace_ms)));
        }
    }

    fn end(&mut self, fact: &Fact<'_>, now: Timestamp) {
        if self.ended_at.is_none() {
            let previous = self.acknowledged_at.or(self.delivered_at);
            self.ended_at = Some(self.stamp(fact, now, (previous, None)));
        }
    }

    /// The instant of a fact: between the stamp before it and the one after it, or now.
    fn stamp(
        &self,
        fact: &Fact<'_>,
        now: Timestamp,
        (previous, next): (Option<Timestamp>, Option<Timestamp>),
    ) -> Timestamp {
        let latest = next.map_or(now, |next| next.min(now));
        now.minus_ms(fact.ago_ms)
            .min(latest)
            .max(previous.unwrap_or(self.requested_at))
    }
}

/// The evidence that came first, and the fields of the later one that it did not have: that a tree
/// outlived its SIGKILL is true beside what proved its end.
fn fill(first: Option<&Arc<str>>, later: Option<&Arc<str>>) -> Option<Arc<str>> {
    let (Some(first), Some(later)) = (first, later) else {
        return first.or(later).cloned();
    };
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
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
        status: word(&mut columns, "status")?,
        grace_ms: columns.number("grace_ms")?,
        requested_at: columns.instant("requested_at")?,
        delivered_at: columns.instant_or_none("delivered_at")?,
        acknowledged_at: columns.instant_or_none("acknowledged_at")?,
        ended_at: columns.instant_or_none("ended_at")?,
        stops_by: columns.instant_or_none("stops_by")?,
        how: word_or_none(&mut columns, "how")?,
        containment: word_or_none(&mut columns, "containment")?,
        evidence: columns.value("evidence")?,
    })
}

fn update(
    turn: &mut Turn<'_>,
    (execution, attempt): Name,
    (expected, stop): (StopStatus, &Stop),
) -> Result<(), Failure> {
    let written = turn.statement(UPDATE)?.execute(params![
        execution.get(),
        attempt.0,
        expected.code(),
        stop.status.code(),
        stop.delivered_at.map(Timestamp::as_millis),
        stop.acknowledged_at.map(Timestamp::as_millis),
        stop.ended_at.map(Timestamp::as_millis),
        stop.stops_by.map(Timestamp::as_millis),
        stop.how.map(Coded::code),
        stop.containment.map(Coded::code),
        stop.evidence,
    ])?;
    assert_eq!(
        written, 1,
        "invariant: a stop stands to the end of its transaction"
    );
    Ok(())
}
