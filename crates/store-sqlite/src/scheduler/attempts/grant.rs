//! Begins attempts at the heads of the queues, and shows again what was begun.

use std::cmp::Reverse;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, StatementStatus, params};
use taskpilot_domain::execution::{Event, Transition, transition};
use taskpilot_domain::ids::{ExecutionId, Fence, SessionId, Token};
use taskpilot_domain::limits::CLAIM_BYTES_MAX;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::time::Timestamp;
use taskpilot_store::rows::executions::Grant;

use super::{Name, name};
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::cleanups::{self, is_cleanup};
use crate::scheduler::executions::change::{Report, apply};
use crate::scheduler::executions::{self, Found};
use crate::scheduler::families::decide::instead_of_grant;
use crate::scheduler::sessions;
use crate::scheduler::turn::Turn;

static GET_PLACES: &str = include_str!("../../../sql/scheduler/sessions/get_places.sql");
static LIST_HEADS: &str = include_str!("../../../sql/scheduler/attempts/list_heads.sql");
static LIST_CLAIMED: &str = include_str!("../../../sql/scheduler/attempts/list_claimed.sql");
static GET_GRANT: &str = include_str!("../../../sql/scheduler/attempts/get_grant.sql");
static INSERT: &str = include_str!("../../../sql/scheduler/attempts/insert.sql");

/// What became of the heads of the queues.
#[derive(Default)]
pub(super) struct Granted {
    pub(super) grants: Vec<Grant>,
    /// Those that stood below a closed tree, and were decided instead.
    pub(super) decided: usize,
    bytes: usize,
}

impl Granted {
    /// Heads that are none any more.
    pub(super) fn taken(&self) -> usize {
        self.grants.len() + self.decided
    }
}

/// Grants these heads, one to each token that is left.
pub(super) fn grant_heads(
    turn: &mut Turn<'_>,
    session: SessionId,
    (seq, tokens): (u64, &[Token]),
    (heads, granted): (Vec<Head>, &mut Granted),
) -> Result<(), Failure> {
    for head in heads {
        let Some(token) = tokens.get(granted.grants.len()) else {
            break;
        };
        let offer = offer(turn, head.id)?;
        if instead_of_grant(turn, &offer.found)? {
            granted.decided += 1;
            continue;
        }
        granted.bytes += offer.payload.len();
        // The rest stays where it is, for the next claim.
        if granted.bytes > CLAIM_BYTES_MAX && !granted.grants.is_empty() {
            break;
        }
        let event = Event::Claimed;
        // One that another clock called due is left where it is.
        let Ok(change) = transition(&offer.found.standing, event, turn.now, Jitter(0)) else {
            continue;
        };
        begin(turn, session, (seq, *token), (&offer, &change))?;
        apply(turn, &offer.found, (event, &change), Report::default())?;
        let grant = offer.grant(turn, *token, &change)?;
        granted.grants.push(grant);
    }
    Ok(())
}

/// What a claim was granted and still runs, in its order.
pub(super) fn grants_of(
    turn: &mut Turn<'_>,
    session: SessionId,
    seq: u64,
) -> Result<Vec<Grant>, Failure> {
    let statement = turn.statement(LIST_CLAIMED)?;
    let rows = statement.query_map((session.get(), seq.cast_signed()), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let rows: Vec<(i64, [u8; 16])> = rows.collect::<rusqlite::Result<_>>()?;
    let mut grants = Vec::with_capacity(rows.len());
    for (id, token) in rows {
        let (id, _) = name(id, 0)?;
        let offer = offer(turn, id)?;
        grants.push(offer.show(turn, Token::from_bytes(token))?);
    }
    Ok(grants)
}

/// An execution at the head of its queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    id: ExecutionId,
    priority: i64,
    seq: i64,
}

/// The numbers of the queues and of the types that a session takes, as JSON.
fn places(turn: &mut Turn<'_>, session: SessionId) -> Result<(String, String), Failure> {
    turn.statement(GET_PLACES)?
        .query_row([session.get()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or(corrupt_places(session))
}

fn numbers(places: &str, session: SessionId) -> Result<Vec<i64>, Failure> {
    serde_json::from_str(places).map_err(|_| corrupt_places(session))
}

fn corrupt_places(session: SessionId) -> Failure {
    Failure::Corrupt {
        table: sessions::TABLE,
        column: "queues",
        id: session.get(),
    }
}

/// Everything that the session may take was taken: nobody is woken for what this transaction made
/// ready of it.
pub(super) fn note_taken(turn: &mut Turn<'_>, session: SessionId) -> Result<(), Failure> {
    if turn.memory.news.has_ready() {
        let (queues, types) = places(turn, session)?;
        let (queues, types) = (numbers(&queues, session)?, numbers(&types, session)?);
        turn.memory.news.taken(&queues, &types);
    }
    Ok(())
}

/// The first ready executions by rank and age, of each queue as many as it may begin.
pub(super) fn heads(
    turn: &mut Turn<'_>,
    session: SessionId,
    count: usize,
) -> Result<Vec<Head>, Failure> {
    let (queues, types) = places(turn, session)?;
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    turn.memory.claim_steps = 0;
    if turn.memory.queues.is_free() {
        return search(turn, count, &queues, &types);
    }
    let queues = numbers(&queues, session)?;
    steered_heads(turn, count, queues, &types)
}

/// Where queues are paused or limited, those that are closed are left out, and each that has a room
/// is asked for no more than that: what it may not begin is neither taken nor walked.
fn steered_heads(
    turn: &mut Turn<'_>,
    count: u64,
    queues: Vec<i64>,
    types: &str,
) -> Result<Vec<Head>, Failure> {
    let mut free = Vec::new();
    let mut heads = Vec::new();
    for queue in queues {
        match turn.memory.queues.room(queue) {
            None => free.push(queue),
            Some(0) => {}
            Some(room) => {
                heads.extend(search(turn, room.min(count), &listed(&[queue]), types)?);
            }
        }
    }
    if !free.is_empty() {
        heads.extend(search(turn, count, &listed(&free), types)?);
    }
    heads.sort_unstable_by_key(|head| (Reverse(head.priority), head.seq));
    heads.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    Ok(heads)
}

fn listed(queues: &[i64]) -> String {
    serde_json::json!(queues).to_string()
}

fn search(
    turn: &mut Turn<'_>,
    count: u64,
    queues: &str,
    types: &str,
) -> Result<Vec<Head>, Failure> {
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let statement = turn.statement(LIST_HEADS)?;
    statement.reset_status(StatementStatus::VmStep);
    let rows = statement.query_map((limit, queues, types), |row| {
        Ok((row.get(0)?, row.get(3)?, row.get(4)?))
    })?;
    let rows: Vec<(i64, i64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
    let steps = statement.get_status(StatementStatus::VmStep);
    turn.memory.claim_steps += u64::try_from(steps).unwrap_or(0);
    let head = |(id, priority, seq)| {
        let (id, _) = name(id, 0)?;
        Ok(Head { id, priority, seq })
    };
    rows.into_iter().map(head).collect()
}

/// An execution as it is offered to a worker.
struct Offer {
    found: Found,
    attempt_timeout_ms: Option<u64>,
    cancel_grace_ms: u64,
    deadline: Option<Timestamp>,
    reference: Option<String>,
    payload: Arc<str>,
}

fn offer(turn: &mut Turn<'_>, id: ExecutionId) -> Result<Offer, Failure> {
    let statement = turn.statement(GET_GRANT)?;
    let found = statement.query_row([id.get()], |row| Ok(read(row)));
    found.optional()?.ok_or(Failure::Corrupt {
        table: executions::TABLE,
        column: "id",
        id: id.get(),
    })?
}

fn read(row: &Row<'_>) -> Result<Offer, Failure> {
    let mut columns = Columns::of(row, executions::TABLE)?;
    Ok(Offer {
        found: Found::read(&mut columns)?,
        attempt_timeout_ms: columns.number_or_none("attempt_timeout_ms")?,
        cancel_grace_ms: columns.number("cancel_grace_ms")?,
        deadline: columns.instant_or_none("deadline")?,
        reference: columns.value("reference")?,
        payload: columns.value("payload")?,
    })
}

fn begin(
    turn: &mut Turn<'_>,
    session: SessionId,
    (seq, token): (u64, Token),
    (offer, change): (&Offer, &Transition),
) -> Result<(), Failure> {
    let now = turn.now;
    let timeout_at = offer.attempt_timeout_ms.map(|ms| now.plus_ms(ms));
    turn.statement(INSERT)?.execute(params![
        offer.found.id.get(),
        change.next.attempt.0,
        session.get(),
        token.as_bytes(),
        seq.cast_signed(),
        now.as_millis(),
        timeout_at.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

impl Offer {
    /// The grant of an attempt that was just begun.
    fn grant(
        mut self,
        turn: &mut Turn<'_>,
        token: Token,
        change: &Transition,
    ) -> Result<Grant, Failure> {
        self.found.standing = change.next;
        self.show(turn, token)
    }

    /// The grant of the attempt that runs.
    fn show(self, turn: &mut Turn<'_>, token: Token) -> Result<Grant, Failure> {
        let Found {
            id,
            queue,
            kind,
            standing,
            ..
        } = self.found;
        let kind = kind.ok_or(Failure::Corrupt {
            table: executions::TABLE,
            column: "type",
            id: id.get(),
        })?;
        let cleanup_of = if is_cleanup(Some(kind)) {
            Some(cleanups::read::canceled(turn, id)?)
        } else {
            None
        };
        let tx = turn.tx;
        let (execution, attempt): Name = (id, standing.attempt);
        Ok(Grant {
            fence: Fence {
                execution,
                attempt,
                token,
            },
            kind: turn.memory.names.kind_of(tx, kind)?,
            payload: self.payload,
            reference: self.reference,
            queue: turn.memory.names.queue_of(tx, queue)?.1,
            attempt_count: standing.attempt_count,
            max_attempts: standing.policy.max_attempts,
            attempt_timeout_ms: self.attempt_timeout_ms,
            cancel_grace_ms: self.cancel_grace_ms,
            scheduled_for: standing.scheduled_for,
            deadline: self.deadline,
            cleanup_of,
        })
    }
}
