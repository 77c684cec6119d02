//! Tells workers that ask whether their attempts may begin, and keeps what they were told.

use rusqlite::{OptionalExtension, Row};
use taskpilot_domain::execution::{AttemptEnd, FenceMatch, Refused, State, confirm_start};
use taskpilot_domain::ids::{Fence, SessionId, Token};
use taskpilot_domain::time::Timestamp;
use taskpilot_fault::Step;
use taskpilot_store::rows::sessions::{HandInVerdict, SessionGone, SessionRef};

use super::TABLE;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::{Place, word, word_or_none};
use crate::scheduler::sessions::{self, Session};
use crate::scheduler::turn::Turn;

static GET_START: &str = include_str!("../../../sql/scheduler/attempts/get_start.sql");
static CONFIRM: &str = include_str!("../../../sql/scheduler/attempts/confirm.sql");

/// About what these keep in memory and write.
pub(in crate::scheduler) fn bytes(fences: &[Fence]) -> usize {
    128 + size_of_val(fences)
}

/// One verdict per attempt. Each sees the earlier ones.
pub(in crate::scheduler) fn confirm(
    turn: &mut Turn<'_>,
    session: SessionRef,
    fences: &[Fence],
) -> Result<Result<Vec<HandInVerdict>, SessionGone>, Failure> {
    let Some(session) = sessions::known(turn, session)? else {
        return Ok(Err(SessionGone::Unknown));
    };
    if !session.is_live(turn.now) {
        return Ok(Err(SessionGone::Ended));
    }
    let verdicts = fences.iter().map(|fence| judge(turn, &session, *fence));
    verdicts.collect::<Result<Vec<_>, Failure>>().map(Ok)
}

fn judge(turn: &mut Turn<'_>, session: &Session, fence: Fence) -> Result<HandInVerdict, Failure> {
    let Some(asked) = find(turn, fence)? else {
        return Ok(HandInVerdict::Stale);
    };
    let compared = asked.compare(session, fence);
    Ok(
        match confirm_start(asked.state, compared, asked.confirmed_at) {
            Ok(()) => {
                keep(turn, fence)?;
                HandInVerdict::Applied
            }
            Err(Refused::Duplicate) => HandInVerdict::Duplicate,
            Err(Refused::Late) => HandInVerdict::Late {
                winner: asked.state,
            },
            Err(Refused::Stale | Refused::Refused | Refused::NoOp) => HandInVerdict::Stale,
        },
    )
}

/// An attempt that a worker asks about.
struct Asked {
    namespace: i64,
    state: State,
    session: SessionId,
    token: Token,
    end: Option<AttemptEnd>,
    confirmed_at: Option<Timestamp>,
}

impl Asked {
    /// What belongs to another session, or another namespace, is not known.
    fn compare(&self, session: &Session, fence: Fence) -> FenceMatch {
        let own = self.session == session.id && self.namespace == session.namespace;
        if !own || self.token != fence.token {
            return FenceMatch::Unknown;
        }
        match self.end {
            None => FenceMatch::Current,
            Some(_) => FenceMatch::EndedOtherwise,
        }
    }
}

fn find(turn: &mut Turn<'_>, fence: Fence) -> Result<Option<Asked>, Failure> {
    let statement = turn.statement(GET_START)?;
    let params = (fence.execution.get(), fence.attempt.0);
    let found = statement.query_row(params, |row| Ok(read(row)));
    found.optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<Asked, Failure> {
    let mut columns = Columns::of(row, TABLE)?;
    columns.value::<i64>("id")?;
    let namespace = columns.value("namespace")?;
    let place: Place = word(&mut columns, "state")?;
    let session = columns.number("session")?;
    let token = Token::from_bytes(columns.value("token")?);
    let end = word_or_none(&mut columns, "outcome")?;
    Ok(Asked {
        namespace,
        state: place.state(),
        session,
        token,
        end,
        confirmed_at: columns.instant_or_none("confirmed_at")?,
    })
}

fn keep(turn: &mut Turn<'_>, fence: Fence) -> Result<(), Failure> {
    turn.tx.step(Step::AttemptStart);
    let now = turn.now.as_millis();
    let params = (fence.execution.get(), fence.attempt.0, now);
    let written = turn.statement(CONFIRM)?.execute(params)?;
    assert_eq!(
        written, 1,
        "invariant: a decision stands to the end of its transaction"
    );
    turn.memory.news.execution(fence.execution);
    Ok(())
}
