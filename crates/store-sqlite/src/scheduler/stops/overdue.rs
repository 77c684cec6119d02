//! Marks stops whose promised bound passed under a live session.

use std::sync::Arc;

use taskpilot_domain::stop::StopEvent;
use taskpilot_store::scheduler::Tick;

use super::advance::{Said, advance, find};
use crate::failure::Failure;
use crate::scheduler::attempts::{Name, name};
use crate::scheduler::turn::Turn;

/// What tells it from a stop that SIGKILL did not bring about.
const OVERDUE: &str = r#"{"overdue":true}"#;

static LIST_OVERDUE: &str = include_str!("../../../sql/scheduler/stops/list_overdue.sql");

pub(in crate::scheduler) fn flag(turn: &mut Turn<'_>, limit: u32) -> Result<Tick, Failure> {
    let mut moved = 0;
    let evidence = Arc::from(OVERDUE);
    for overdue in due(turn, limit)? {
        let said = Said {
            evidence: Some(&evidence),
            ..Said::by_system(StopEvent::Overdue)
        };
        if advance(turn, overdue, &said)? == Some(true) {
            moved += 1;
            remind(turn, overdue)?;
        }
    }
    Ok(Tick {
        moved,
        ended: Vec::new(),
    })
}

/// Tells the session of an order that it has not confirmed.
pub(in crate::scheduler) fn remind(turn: &mut Turn<'_>, name: Name) -> Result<(), Failure> {
    if let Some(stop) = find(turn, name)?
        && stop.stages.status.wants_order()
    {
        turn.memory.news.orders(stop.session);
    }
    Ok(())
}

fn due(turn: &mut Turn<'_>, limit: u32) -> Result<Vec<Name>, Failure> {
    let now = turn.now.as_millis();
    let statement = turn.statement(LIST_OVERDUE)?;
    let rows = statement.query_map((now, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, u32)> = rows.collect::<rusqlite::Result<_>>()?;
    rows.into_iter()
        .map(|(execution, attempt)| name(execution, attempt))
        .collect()
}
