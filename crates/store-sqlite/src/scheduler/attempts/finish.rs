//! Judges hand-ins: each is the outcome, a duplicate, late or stale; and each may prove a stop.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::execution::{AttemptEnd, Event, FenceMatch, Refused, transition};
use taskpilot_domain::ids::{Fence, Token};
use taskpilot_domain::stop::StopFact;
use taskpilot_fault::Step;
use taskpilot_store::rows::sessions::{
    FinishOutcome, HandIn, HandInOutcome, HandInVerdict, SessionRef,
};

use super::Name;
use super::close::{Late, note_exit, note_late, note_output};
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::word_or_none;
use crate::scheduler::executions::change::{Report, apply};
use crate::scheduler::executions::{Found, TABLE};
use crate::scheduler::sessions::{self, Session};
use crate::scheduler::stops::advance::{Said, advance};
use crate::scheduler::turn::Turn;

static GET_REPORTED: &str = include_str!("../../../sql/scheduler/attempts/get_reported.sql");

/// About what a hand-in keeps in memory and writes.
pub(in crate::scheduler) fn bytes(item: &HandIn) -> usize {
    let outcome = match &item.outcome {
        HandInOutcome::Succeeded(result) => result.len(),
        HandInOutcome::Failed { error, .. } => error.code.len() + error.message.len(),
        HandInOutcome::Released | HandInOutcome::Interrupted => 0,
    };
    let output = item.output.as_ref();
    let output = output.map_or(0, |tail| tail.stdout.len() + tail.stderr.len());
    256 + outcome + output + item.evidence.as_ref().map_or(0, |text| text.len())
}

/// Takes hand-ins, also from a session that has ended.
pub(in crate::scheduler) fn finish(
    turn: &mut Turn<'_>,
    session: SessionRef,
    items: &[HandIn],
) -> Result<FinishOutcome, Failure> {
    let Some(session) = sessions::known(turn, session)? else {
        return Ok(FinishOutcome::UnknownSession);
    };
    judge_all(turn, &session, items).map(FinishOutcome::Judged)
}

/// One verdict per item. Each sees the earlier ones.
pub(super) fn judge_all(
    turn: &mut Turn<'_>,
    session: &Session,
    items: &[HandIn],
) -> Result<Vec<HandInVerdict>, Failure> {
    if !items.is_empty() {
        turn.tx.step(Step::AttemptFinish);
    }
    items
        .iter()
        .map(|item| judge(turn, session, item))
        .collect()
}

fn judge(turn: &mut Turn<'_>, session: &Session, item: &HandIn) -> Result<HandInVerdict, Failure> {
    let Some(reported) = find(turn, item.fence)? else {
        return Ok(HandInVerdict::Stale);
    };
    let found = &reported.found;
    if found.namespace != session.namespace {
        return Ok(HandInVerdict::Stale);
    }
    let fence = reported.compare(item);
    let event = event_of(item, fence);
    let name = (item.fence.execution, item.fence.attempt);
    let verdict = match transition(&found.standing, event, turn.now, item.jitter) {
        Ok(change) => {
            apply(turn, found, (event, &change), report_of(item))?;
            note_output(turn, name, item.output.as_deref())?;
            HandInVerdict::Applied
        }
        Err(Refused::Duplicate) => HandInVerdict::Duplicate,
        Err(Refused::Late) => {
            keep_late(turn, name, item)?;
            HandInVerdict::Late {
                winner: found.standing.state,
            }
        }
        Err(Refused::Stale | Refused::Refused | Refused::NoOp) => HandInVerdict::Stale,
    };
    // An attempt whose lease was in force had no stop.
    if fence == FenceMatch::EndedOtherwise {
        prove(turn, name, (item, event))?;
    }
    Ok(verdict)
}

/// An execution, and the attempt of it that a report names.
struct Reported {
    found: Found,
    token: Option<Token>,
    end: Option<AttemptEnd>,
}

impl Reported {
    fn compare(&self, item: &HandIn) -> FenceMatch {
        if self.token != Some(item.fence.token) {
            return FenceMatch::Unknown;
        }
        match self.end {
            None => FenceMatch::Current,
            Some(end) if end == end_of(&item.outcome) => FenceMatch::EndedSame,
            Some(_) => FenceMatch::EndedOtherwise,
        }
    }
}

fn find(turn: &mut Turn<'_>, fence: Fence) -> Result<Option<Reported>, Failure> {
    let statement = turn.statement(GET_REPORTED)?;
    let params = (fence.execution.get(), fence.attempt.0);
    let found = statement.query_row(params, |row| Ok(read(row)));
    found.optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<Reported, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    let found = Found::read(&mut columns)?;
    let token: Option<[u8; 16]> = columns.value("token")?;
    Ok(Reported {
        found,
        token: token.map(Token::from_bytes),
        end: word_or_none(&mut columns, "outcome")?,
    })
}

fn end_of(outcome: &HandInOutcome) -> AttemptEnd {
    match outcome {
        HandInOutcome::Succeeded(_) => AttemptEnd::Succeeded,
        HandInOutcome::Failed { .. } => AttemptEnd::Failed,
        HandInOutcome::Released => AttemptEnd::Released,
        HandInOutcome::Interrupted => AttemptEnd::Interrupted,
    }
}

fn event_of(item: &HandIn, fence: FenceMatch) -> Event {
    match &item.outcome {
        HandInOutcome::Succeeded(_) => Event::Succeeded(fence),
        HandInOutcome::Failed { retryable, .. } => Event::AttemptFailed {
            fence,
            retryable: *retryable,
        },
        HandInOutcome::Released => Event::Released(fence),
        HandInOutcome::Interrupted => Event::Interrupted(fence),
    }
}

fn report_of(item: &HandIn) -> Report<'_> {
    let (result, error) = match &item.outcome {
        HandInOutcome::Succeeded(result) => (Some(&**result), None),
        HandInOutcome::Failed { error, .. } => {
            (None, Some((error.code.as_str(), error.message.as_str())))
        }
        HandInOutcome::Released | HandInOutcome::Interrupted => (None, None),
    };
    Report {
        result,
        error,
        exit: item.exit,
    }
}

/// The first report that came too late is kept as evidence; its result and error are nobody's.
fn keep_late(turn: &mut Turn<'_>, name: Name, item: &HandIn) -> Result<(), Failure> {
    let report = report_of(item);
    let late = Late {
        outcome: end_of(&item.outcome),
        result: report.result,
        error: report.error,
    };
    if note_late(turn, name, &late)? {
        keep_ending(turn, name, item)?;
    }
    Ok(())
}

fn keep_ending(turn: &mut Turn<'_>, name: Name, item: &HandIn) -> Result<(), Failure> {
    note_exit(turn, name, item.exit)?;
    note_output(turn, name, item.output.as_deref())
}

/// A final report under a stopped token is also the proof of its stop, whatever the verdict on it, and
/// what it says is kept beside the stop: also where another attempt is current by now, or a stop report
/// was the proof already.
fn prove(turn: &mut Turn<'_>, name: Name, (item, event): (&HandIn, Event)) -> Result<(), Failure> {
    let Some(proof) = event.about_stop(item.how) else {
        return Ok(());
    };
    let said = Said {
        fact: StopFact {
            event: proof,
            ago_ms: item.ago_ms,
            containment: item.containment,
        },
        evidence: item.evidence.as_ref(),
    };
    if advance(turn, name, &said)?.is_some() {
        keep_late(turn, name, item)?;
    }
    Ok(())
}
