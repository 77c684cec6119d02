//! Carries a cancellation on: what it is about, what became of its items, that it is given up.

use rusqlite::Connection;
use taskpilot_domain::cancellation::{
    CancellationEvent, CancellationStatus, Openness, Pace, advance,
};
use taskpilot_domain::ids::CancellationId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::cancellations::{
    CancellationRecord, DecidedSlice, GiveUpOutcome, Matches, OnItsWay,
};

use super::cancellation::{find, find_in, save};
use super::create::insert_items;
use crate::failure::Failure;
use crate::transaction::Tx;

const DECIDE_ITEM: &str = include_str!("../../../sql/control/cancellations/decide_item.sql");
const INTEND_ITEM: &str = include_str!("../../../sql/control/cancellations/intend_item.sql");

/// About what a slice of so many items keeps in memory and writes.
pub(in crate::control) fn bytes(items: usize) -> usize {
    256 + 64 * items
}

/// A page of what the filter holds for.
pub(in crate::control) fn add_matches(
    tx: &Tx<'_>,
    now: Timestamp,
    id: CancellationId,
    matches: &Matches,
) -> Result<Option<CancellationRecord>, Failure> {
    let is_there = |record: &CancellationRecord| {
        record.status == CancellationStatus::Matching && record.match_below == Some(matches.from)
    };
    let Some(mut record) = find(tx, id)?.filter(is_there) else {
        return Ok(None);
    };
    insert_items(tx, id, &matches.tasks)?;
    record.total += matches.tasks.len() as u64;
    record.match_below = matches.below;
    if matches.below.is_none() {
        let left = record.total - record.counts.decided();
        moved(&mut record, CancellationEvent::Matched { left }, now);
    }
    save(tx, &record)?;
    Ok(Some(record))
}

/// What became of a slice; of an item that is decided the first word stands.
pub(in crate::control) fn decide(
    tx: &Tx<'_>,
    now: Timestamp,
    id: CancellationId,
    slice: &DecidedSlice,
) -> Result<Option<CancellationRecord>, Failure> {
    let Some(mut record) = find(tx, id)?.filter(|record| record.completed_at.is_none()) else {
        return Ok(None);
    };
    let decided = write_items(tx, &mut record, slice)?;
    record.known_at = slice.known_at.or(record.known_at);
    match slice.on_its_way {
        OnItsWay::Same => {}
        OnItsWay::Until(until) => record.asked_until = Some(until),
        OnItsWay::Nothing => record.asked_until = None,
    }
    let left = record.total - record.counts.decided();
    moved(&mut record, CancellationEvent::Decided { left }, now);
    if record.status == CancellationStatus::Running {
        record.pace = record.pace.after(record.max_per_second, decided, now);
    }
    if slice.settled {
        moved(&mut record, CancellationEvent::Settled, now);
    }
    save(tx, &record)?;
    Ok(Some(record))
}

fn write_items(
    connection: &Connection,
    record: &mut CancellationRecord,
    slice: &DecidedSlice,
) -> Result<u64, Failure> {
    let id = record.id.get();
    let before = record.counts.decided();
    let mut decide = connection.prepare_cached(DECIDE_ITEM)?;
    for (task, outcome) in &slice.outcomes {
        let written = decide.execute((id, task.get(), outcome.as_str()))?;
        record.counts.add(*outcome, written as u64);
    }
    let mut intend = connection.prepare_cached(INTEND_ITEM)?;
    for task in &slice.intended {
        intend.execute((id, task.get()))?;
    }
    Ok(record.counts.decided() - before)
}

/// Repeatable, until all of its items are decided.
pub(in crate::control) fn give_up(
    tx: &Tx<'_>,
    now: Timestamp,
    (namespace, id): (&Namespace, CancellationId),
) -> Result<GiveUpOutcome, Failure> {
    let Some(mut record) = find_in(tx, namespace, id)? else {
        return Ok(GiveUpOutcome::Missing);
    };
    if moved(&mut record, CancellationEvent::GivenUp, now) {
        record.match_below = None;
        // Nothing more is canceled: to tell what was on its way waits for nothing.
        record.pace = Pace::BEGIN;
        save(tx, &record)?;
    }
    Ok(match record.status {
        CancellationStatus::Completed => GiveUpOutcome::Completed,
        CancellationStatus::Matching
        | CancellationStatus::Running
        | CancellationStatus::Canceled => GiveUpOutcome::GivenUp(record),
    })
}

/// Whether it meant anything.
fn moved(record: &mut CancellationRecord, event: CancellationEvent, now: Timestamp) -> bool {
    let Some((status, openness)) = advance(record.status, event) else {
        return false;
    };
    record.status = status;
    record.completed_at = (openness == Openness::Done).then(|| now.max(record.requested_at));
    true
}
