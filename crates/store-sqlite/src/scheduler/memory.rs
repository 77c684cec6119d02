//! What the writer knows without reading: the next numbers, the latest instant, names.
//!
//! Numbers are handed out from here and written once per commit. One that was handed out is never
//! handed out again, not even after a rollback.

use rusqlite::{Connection, params};
use taskpilot_domain::ids::{ExecutionId, SessionId};
use taskpilot_domain::time::Timestamp;

use super::cleanups::declare::Declared;
use super::families::close::has_undecided;
use super::names::Names;
use super::news::News;
use super::queues::Board;
use crate::decode::Columns;
use crate::failure::Failure;
use crate::transaction::Tx;

const GET: &str = include_str!("../../sql/scheduler/counter/get.sql");
const UPDATE: &str = include_str!("../../sql/scheduler/counter/update.sql");

/// It belongs to the writer's thread; the lock around it is never waited for.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// That of the transaction it was last right for.
    generation: Option<u64>,
    numbers: Numbers,
    stored: Numbers,
    pub(super) names: Names,
    pub(super) news: News,
    /// The id that the walk for old executions has come to.
    pub(super) forgotten_to: i64,
    pub(super) queues: Board,
    pub(super) cleanups: Declared,
    /// Whether a closed tree may have executions left to decide.
    pub(super) has_undecided: bool,
    /// Rows that the connection had changed before the first command of the transaction; none
    /// between transactions.
    changed_before: Option<u64>,
    /// Steps of the engine in the last search for the heads of the queues.
    pub(super) claim_steps: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Numbers {
    execution: i64,
    session: i64,
    seq: i64,
    clock: Option<Timestamp>,
}

impl Numbers {
    fn max(self, other: Self) -> Self {
        Self {
            execution: self.execution.max(other.execution),
            session: self.session.max(other.session),
            seq: self.seq.max(other.seq),
            clock: self.clock.max(other.clock),
        }
    }
}

impl Memory {
    /// Makes itself right for a transaction, before a command of it runs. Answers the time of the
    /// command, and whether it is the first one: then somebody must see to it that [`Self::finish`]
    /// is the last.
    pub(super) fn begin(
        &mut self,
        tx: &Tx<'_>,
        now: Timestamp,
    ) -> Result<(Timestamp, bool), Failure> {
        if self.generation != Some(tx.generation()) {
            self.generation = None;
            self.changed_before = None;
            self.names.clear();
            self.news.clear();
            self.queues.load(tx)?;
            self.cleanups = Declared::load(tx)?;
            self.has_undecided = has_undecided(tx)?;
            self.stored = read(tx)?;
            self.numbers = self.numbers.max(self.stored);
            self.generation = Some(tx.generation());
        }
        let now = self.numbers.clock.map_or(now, |latest| latest.max(now));
        self.numbers.clock = Some(now);
        let first = self.changed_before.is_none();
        if first {
            self.changed_before = Some(tx.total_changes());
        }
        Ok((now, first))
    }

    /// Writes and says what the transaction leaves behind. One that changed nothing leaves nothing:
    /// an idle store does not wake its disk.
    pub(super) fn finish(&mut self, tx: &Tx<'_>) -> Result<(), Failure> {
        self.queues.write(tx)?;
        let changed = self.changed_before.take() != Some(tx.total_changes());
        if changed && self.numbers != self.stored {
            tx.prepare_cached(UPDATE)?.execute(params![
                self.numbers.execution,
                self.numbers.session,
                self.numbers.seq,
                self.numbers.clock.map(Timestamp::as_millis),
            ])?;
            self.stored = self.numbers;
        }
        let Self {
            news,
            names,
            queues,
            ..
        } = self;
        news.publish(tx, names, queues)
    }

    /// The id that [`Self::next_execution`] will give.
    pub(super) fn peek_execution(&self) -> ExecutionId {
        execution_id(self.numbers.execution)
    }

    pub(super) fn next_execution(&mut self) -> ExecutionId {
        let id = self.numbers.execution;
        self.numbers.execution += 1;
        execution_id(id)
    }

    pub(super) fn next_session(&mut self) -> SessionId {
        let id = self.numbers.session;
        self.numbers.session += 1;
        SessionId::new(id).expect("invariant: ids begin at 1 and stay below 2^53")
    }

    /// A place at the tail of a queue.
    pub(super) fn next_seq(&mut self) -> i64 {
        let seq = self.numbers.seq;
        self.numbers.seq += 1;
        seq
    }
}

fn execution_id(id: i64) -> ExecutionId {
    ExecutionId::new(id).expect("invariant: ids begin at 1 and stay below 2^53")
}

/// The latest instant of any commit that changed something.
pub(super) fn latest_instant(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    Ok(read(connection)?.clock)
}

fn read(connection: &Connection) -> Result<Numbers, Failure> {
    let mut statement = connection.prepare_cached(GET)?;
    statement.query_row([], |row| Ok(decode(row)))?
}

fn decode(row: &rusqlite::Row<'_>) -> Result<Numbers, Failure> {
    let mut columns = Columns::of(row, "counter")?;
    columns.value::<i64>("id")?;
    Ok(Numbers {
        execution: columns.value("next_execution")?,
        session: columns.value("next_session")?,
        seq: columns.value("next_seq")?,
        clock: columns.instant_or_none("clock_ms")?,
    })
}
