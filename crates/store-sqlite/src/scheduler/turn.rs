//! A command's turn in a transaction: what it works with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{CachedStatement, Statement};
use taskpilot_domain::time::Timestamp;

use super::memory::Memory;
use crate::failure::Failure;
use crate::transaction::Tx;

/// The transaction, what the writer knows, and the one clock of the command.
pub(super) struct Turn<'t> {
    pub(super) tx: &'t Tx<'t>,
    pub(super) memory: &'t mut Memory,
    /// What the caller said, or the latest instant before it.
    pub(super) now: Timestamp,
    prepared: Vec<(&'static str, CachedStatement<'t>)>,
}

impl<'t> Turn<'t> {
    /// Runs a command. What all commands of a transaction leave behind is left once, at its end.
    ///
    /// Callers read their clock before they queue, and lanes overtake each other: a cancel of 9 may
    /// come after a claim of 10. Its time is raised to the latest that was seen, so that stamps only
    /// grow in the order of the commits.
    pub(super) fn run<A>(
        tx: &Tx<'_>,
        memory: &Arc<Mutex<Memory>>,
        now: Timestamp,
        command: impl FnOnce(&mut Turn<'_>) -> Result<A, Failure>,
    ) -> Result<A, Failure> {
        let mut kept = lock(memory);
        let (now, first) = kept.begin(tx, now)?;
        if first {
            let memory = Arc::clone(memory);
            tx.before_commit(move |tx| lock(&memory).finish(tx));
        }
        let outcome = command(&mut Turn {
            tx,
            memory: &mut kept,
            now,
            prepared: Vec::new(),
        })?;
        tx.note_work(kept.news.has_ready());
        Ok(outcome)
    }

    /// A statement that stays with the command to its end: looking one up by its text costs as
    /// much as running it.
    pub(super) fn statement(&mut self, sql: &'static str) -> rusqlite::Result<&mut Statement<'t>> {
        let kept = self.prepared.iter().position(|(text, _)| same(text, sql));
        if kept.is_none() {
            self.prepared.push((sql, self.tx.prepare_cached(sql)?));
        }
        let index = kept.unwrap_or(self.prepared.len() - 1);
        Ok(&mut self.prepared[index].1)
    }

    /// The ids that a loop finds due by now, at most `limit`.
    pub(super) fn due<T: TryFrom<i64>>(
        &mut self,
        sql: &'static str,
        table: &'static str,
        limit: u32,
    ) -> Result<Vec<T>, Failure> {
        let now = self.now.as_millis();
        let rows = self
            .statement(sql)?
            .query_map((now, limit), |row| row.get::<_, i64>(0))?;
        let ids = rows.collect::<rusqlite::Result<Vec<i64>>>()?;
        ids.into_iter().map(|id| number(table, id)).collect()
    }
}

/// The writer's memory. Only its thread takes it, and tests.
pub(super) fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number<T: TryFrom<i64>>(table: &'static str, id: i64) -> Result<T, Failure> {
    T::try_from(id).map_err(|_| Failure::Corrupt {
        table,
        column: "id",
        id,
    })
}

/// Whether it is the same text in the same place, without reading it.
fn same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one, other)
}
