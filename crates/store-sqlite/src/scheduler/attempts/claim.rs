//! The protocol of a claim: who may ask, what is a repeat, how much may be granted.

use std::cmp::Ordering;

use taskpilot_domain::ids::Token;
use taskpilot_domain::limits::TICK_ROWS_MAX;
use taskpilot_domain::slots::Slots;
use taskpilot_fault::Step;
use taskpilot_store::rows::executions::Grant;
use taskpilot_store::rows::sessions::{ClaimOutcome, ClaimRequest, SessionGone};

use super::finish;
use super::grant::{Granted, grant_heads, grants_of, heads, note_taken};
use crate::failure::Failure;
use crate::scheduler::attempts::count_running;
use crate::scheduler::sessions::{self, Session};
use crate::scheduler::stops::orders::count_open;
use crate::scheduler::turn::Turn;

static NOTE_CLAIM: &str = include_str!("../../../sql/scheduler/sessions/note_claim.sql");

/// About what a claim keeps in memory and writes. Tokens are only kept: most claims ask for far more
/// than there is, and what they are granted is bounded by the time of the transaction.
pub(in crate::scheduler) fn bytes(request: &ClaimRequest) -> usize {
    let hand_ins = request.hand_ins.iter().map(finish::bytes);
    128 + size_of_val(&*request.tokens) + hand_ins.sum::<usize>()
}

/// Takes hand-ins, then grants what the session has room for.
pub(in crate::scheduler) fn claim(
    turn: &mut Turn<'_>,
    request: &ClaimRequest,
) -> Result<ClaimOutcome, Failure> {
    let Some(session) = sessions::known(turn, request.session)? else {
        return Ok(ClaimOutcome::Gone {
            why: SessionGone::Unknown,
            verdicts: Vec::new(),
        });
    };
    let verdicts = finish::judge_all(turn, &session, &request.hand_ins)?;
    if !session.is_live(turn.now) {
        return Ok(ClaimOutcome::Gone {
            why: SessionGone::Ended,
            verdicts,
        });
    }
    let last = session.claim_seq.map(|last| request.seq.cmp(&last));
    let (grants, drained) = match last {
        Some(Ordering::Less) => return Ok(ClaimOutcome::OutOfOrder),
        Some(Ordering::Equal) => (grants_of(turn, session.id, request.seq)?, false),
        Some(Ordering::Greater) | None => grant(turn, &session, request)?,
    };
    Ok(ClaimOutcome::Served {
        grants,
        verdicts,
        remaining_ms: session.lease_until.ms_since(turn.now),
        repeat: last == Some(Ordering::Equal),
        drained,
    })
}

/// What is granted, and whether there was room for more.
fn grant(
    turn: &mut Turn<'_>,
    session: &Session,
    request: &ClaimRequest,
) -> Result<(Vec<Grant>, bool), Failure> {
    let room = room(turn, session)?;
    let tokens: &[Token] = &request.tokens[..request.tokens.len().min(room)];
    if tokens.is_empty() {
        return Ok((Vec::new(), false));
    }
    let (granted, drained) = grant_living(turn, session, (request.seq, tokens))?;
    let (taken, grants) = (granted.taken(), granted.grants);
    if drained {
        note_taken(turn, session.id)?;
    }
    if taken == 0 && request.hand_ins.is_empty() {
        // Nothing was done: it may be asked again.
        turn.tx.note_unserved();
    }
    if !grants.is_empty() {
        turn.tx.step(Step::AttemptClaim);
        turn.statement(NOTE_CLAIM)?
            .execute((session.id.get(), request.seq.cast_signed()))?;
    }
    Ok((grants, drained))
}

/// Grants what the queues begin with; in the place of what stood below closed trees, and was decided and
/// not granted, what comes after it. Says whether nothing is left. A claim decides about as many as a
/// slice does.
fn grant_living(
    turn: &mut Turn<'_>,
    session: &Session,
    (seq, tokens): (u64, &[Token]),
) -> Result<(Granted, bool), Failure> {
    let mut granted = Granted::default();
    loop {
        let left = tokens.len() - granted.grants.len();
        let (taken, decided) = (granted.taken(), granted.decided);
        let heads = heads(turn, session.id, left)?;
        let found = heads.len();
        grant_heads(turn, session.id, (seq, tokens), (heads, &mut granted))?;
        let took_all = granted.taken() - taken == found;
        let goes_on = took_all && granted.decided > decided && granted.grants.len() < tokens.len();
        if !goes_on || granted.decided >= TICK_ROWS_MAX as usize {
            return Ok((granted, found < left && took_all));
        }
    }
}

/// How many attempts the session may begin.
fn room(turn: &Turn<'_>, session: &Session) -> Result<usize, Failure> {
    let (stopping, stuck) = count_open(turn.tx, session.id.get())?;
    let held = Slots {
        slots: session.slots,
        running: count_running(turn.tx, session.id.get())?,
        stopping,
        stuck,
    };
    Ok(usize::try_from(held.room()).unwrap_or(usize::MAX))
}
