//! Decides cancels of many, each as one alone but for its cause and the states that are meant.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::cancellation::{
    Again, CancellationOutcome, Untouched, Verdict, cancel_of_many, meant,
};
use taskpilot_domain::execution::Event;
use taskpilot_domain::names::PrincipalName;
use taskpilot_domain::stop::{CancelCause, StopCause};
use taskpilot_store::rows::cancels::{CancelBatch, CancelItem, CanceledBatch};

use super::cancel::{Words, append, cancels_children, note, reference_of};
use super::change::{Report, apply};
use super::{Found, find};
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::cleanups::owe::owe;
use crate::scheduler::codes::word_or_none;
use crate::scheduler::families::close::{Closed, close};
use crate::scheduler::names::find_namespace;
use crate::scheduler::stops::overdue::remind;
use crate::scheduler::turn::Turn;

static GET_VERDICT: &str = include_str!("../../../sql/scheduler/executions/get_verdict.sql");
const TABLE: &str = "verdict";

/// About what a batch keeps in memory and writes.
pub(in crate::scheduler) fn bytes(batch: &CancelBatch) -> usize {
    let words = batch.reason.as_ref().map_or(0, String::len)
        + batch.request_id.as_ref().map_or(0, String::len);
    batch.items.len() * (128 + words)
}

/// One outcome per item. Each sees the earlier ones, so that one execution twice is folded.
pub(in crate::scheduler) fn cancel(
    turn: &mut Turn<'_>,
    batch: &CancelBatch,
) -> Result<CanceledBatch, Failure> {
    let namespace = find_namespace(turn.tx, &batch.namespace)?;
    let outcomes = batch.items.iter().map(|item| {
        let found = find(turn, item.id)?;
        let found = found.filter(|found| Some(found.namespace) == namespace);
        match found {
            Some(found) => cancel_one(turn, batch, (&found, item)),
            None => Ok(CancellationOutcome::Missing),
        }
    });
    let outcomes = outcomes.collect::<Result<_, Failure>>()?;
    Ok(CanceledBatch {
        decided_at: turn.now,
        outcomes,
    })
}

fn cancel_one(
    turn: &mut Turn<'_>,
    batch: &CancelBatch,
    (found, item): (&Found, &CancelItem),
) -> Result<CancellationOutcome, Failure> {
    if item.reference.is_some() && item.reference != reference_of(turn, item.id)? {
        return Ok(CancellationOutcome::Missing);
    }
    let states = meant(batch.states.as_deref(), batch.not_after, turn.now);
    match cancel_of_many(&found.standing, states, turn.now) {
        Ok(change) => {
            let event = Event::CancelRequested(CancelCause::Bulk);
            apply(turn, found, (event, &change), Report::default())?;
            note(turn, Words::of_many(batch), found.id)?;
            owe(turn, found.id, &found.places())?;
            if cancels_children(turn, found.id)? {
                let closed = Closed {
                    by: batch.actor.clone(),
                    reason: batch.reason.clone(),
                };
                close(turn, found.id, &closed)?;
            }
            Ok(CancellationOutcome::Canceled)
        }
        Err(Untouched::Canceled) => {
            remind(turn, (found.id, found.standing.attempt))?;
            let verdict = verdict(turn, batch, found)?;
            let again = Again::of(verdict, batch.since, states);
            if again == Again::Later {
                append(turn, Words::of_many(batch), found.id)?;
            }
            Ok(again.outcome())
        }
        Err(Untouched::Changed) => Ok(CancellationOutcome::Changed),
        Err(Untouched::Refused) => Ok(CancellationOutcome::Refused),
    }
}

fn verdict(turn: &mut Turn<'_>, batch: &CancelBatch, found: &Found) -> Result<Verdict, Failure> {
    let statement = turn.statement(GET_VERDICT)?;
    let read = statement.query_row([found.id.get()], |row| Ok(read(row, batch)));
    read.optional()?.ok_or(Failure::Corrupt {
        table: TABLE,
        column: "execution",
        id: found.id.get(),
    })?
}

fn read(row: &Row<'_>, batch: &CancelBatch) -> Result<Verdict, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("execution")?;
    let at = columns.instant("canceled_at")?;
    let by: PrincipalName = columns.word("canceled_by")?;
    let reason: Option<String> = columns.value("reason")?;
    let cause = word_or_none(&mut columns, "cause")?;
    Ok(Verdict {
        at,
        is_by_same: by == batch.actor && reason == batch.reason,
        cause: cause.unwrap_or(StopCause::User),
    })
}
