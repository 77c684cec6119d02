//! Copies the write-ahead log into the database, off the commit path.
//!
//! A thread of its own copies while the writer goes on. Only a log that outgrows that is finished
//! by the writer itself, because a busy writer never lets anybody else come to its end.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::failure::is_storage;
use crate::health::Health;

/// Pages of 4 KiB in the log before they are copied: 8 MiB.
const COPY_PAGES: u32 = 2_048;
/// Pages in the log before the writer makes it start from its beginning again: 64 MiB.
const RESTART_PAGES: u32 = 16_384;
/// Pages in the log that somebody should know of: 256 MiB.
const ALARM_PAGES: u32 = 65_536;
/// What may be left for the writer to copy: it holds up commits.
const REST_PAGES: u32 = 256;
/// Passes to come near the end of a log that still grows.
const PASSES_MAX: u32 = 4;
/// Time without a commit after which the log is cut to nothing.
const IDLE: Duration = Duration::from_secs(1);
/// The longest that a reader may keep the writer from restarting the log.
const RESTART_WAIT: Duration = Duration::from_millis(20);

thread_local! {
    /// The hook is a plain function: this is how it reaches the writer, whose thread it runs on.
    static LOG_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// How long the log is, between the writer and the checkpointer.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    state: Mutex<State>,
    wake: Condvar,
    /// The copying came near the end: the writer may restart the log.
    restart: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Length of the log after the last commit.
    pages: u32,
    /// Its length at the last copy, whether or not that got far: a reader may hold it up.
    looked_at: u32,
    commits: u64,
    asleep: bool,
    closed: bool,
}

impl State {
    fn wants_copy(&self) -> bool {
        self.pages.saturating_sub(self.looked_at) >= COPY_PAGES
    }
}

/// What the engine says about a checkpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    busy: bool,
    pages: u32,
    moved: u32,
}

impl Gauge {
    /// Called by the writer between its transactions.
    pub(crate) fn finish_checkpoint(&self, writer: &Connection) -> rusqlite::Result<()> {
        let pages = LOG_PAGES.take();
        if pages == 0 {
            return Ok(());
        }
        self.note(pages);
        if self.restart.swap(false, Ordering::AcqRel) && pages >= RESTART_PAGES {
            restart(writer)?;
        }
        Ok(())
    }

    fn note(&self, pages: u32) {
        let mut state = self.lock();
        if pages < state.pages {
            // The log started from its beginning again.
            state.looked_at = 0;
        }
        state.pages = pages;
        state.commits += 1;
        if state.asleep || state.wants_copy() {
            state.asleep = false;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Not again at once, whatever becomes of this copy.
    fn look(&self) {
        let mut state = self.lock();
        state.looked_at = state.pages;
    }

    /// Nothing to do before the next commit, unless one came meanwhile.
    fn emptied(&self, seen: u64) {
        let mut state = self.lock();
        if state.commits == seen {
            state.pages = 0;
            state.looked_at = 0;
        }
    }

    /// Ends the checkpointer.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until there is something to do; `None` at the end.
    fn next(&self, seen: &mut u64) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if state.wants_copy() {
                return Some(Work::Copy);
            }
            if state.pages == 0 {
                state.asleep = true;
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.wake.wait_timeout(state, IDLE);
            let result;
            (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
            if result.timed_out() && state.commits == *seen {
                return Some(Work::Truncate);
            }
            *seen = state.commits;
        }
    }
}

enum Work {
    Copy,
    Truncate,
}

/// What the checkpointer thread owns.
pub(crate) struct Checkpointer {
    pub(crate) service: &'static str,
    pub(crate) connection: Connection,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) health: Arc<Health>,
    /// Wakes the writer, so that it tries the storage that failed here.
    pub(crate) alarm: Box<dyn Fn() + Send>,
}

impl Checkpointer {
    /// Works until the gauge is closed.
    pub(crate) fn run(self) {
        let mut seen = 0;
        while let Some(work) = self.gauge.next(&mut seen) {
            let done = match work {
                Work::Copy => self.copy(),
                Work::Truncate => self.truncate(seen),
            };
            if let Err(error) = done {
                self.fail(&error);
            }
        }
    }

    fn copy(&self) -> rusqlite::Result<()> {
        self.gauge.look();
        let mut done = passive(&self.connection)?;
        for _ in 1..PASSES_MAX {
            if done.pages.saturating_sub(done.moved) < REST_PAGES {
                break;
            }
            done = passive(&self.connection)?;
        }
        if done.pages >= RESTART_PAGES {
            self.gauge.restart.store(true, Ordering::Release);
        }
        if done.pages >= ALARM_PAGES {
            tracing::warn!(
                service = self.service,
                ?done,
                "the log of the database is long"
            );
        }
        Ok(())
    }

    fn truncate(&self, seen: u64) -> rusqlite::Result<()> {
        // Most of it without the writer's lock, then the little rest with it.
        passive(&self.connection)?;
        if !truncate(&self.connection)?.busy {
            self.gauge.emptied(seen);
        }
        Ok(())
    }

    fn fail(&self, error: &rusqlite::Error) {
        note_failure(self.service, &self.health, error);
        if is_storage(error) {
            (self.alarm)();
        }
    }
}

/// Whoever made the checkpoint: where the storage failed it, no more writes are served.
pub(crate) fn note_failure(service: &str, health: &Health, error: &rusqlite::Error) {
    tracing::warn!(service, %error, "a checkpoint failed");
    if is_storage(error) {
        health.fail(service, error);
    }
}

/// Listens to the commits of the writer's connection; called on the writer's thread.
pub(crate) fn watch(writer: &Connection) {
    writer.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(u32::try_from(pages).unwrap_or(0));
        Ok(())
    }));
}

/// Copies what it can without holding up anybody.
pub(crate) fn passive(connection: &Connection) -> rusqlite::Result<Copied> {
    checkpoint(connection, "PASSIVE")
}

fn truncate(connection: &Connection) -> rusqlite::Result<Copied> {
    checkpoint(connection, "TRUNCATE")
}

fn restart(writer: &Connection) -> rusqlite::Result<Copied> {
    writer.busy_timeout(RESTART_WAIT)?;
    let done = checkpoint(writer, "RESTART");
    writer.busy_timeout(crate::open::BUSY_TIMEOUT)?;
    done
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Copied> {
    let pages = |number: i64| u32::try_from(number).unwrap_or(0);
    connection.pragma_update_and_check(None, "wal_checkpoint", mode, |row| {
        Ok(Copied {
            busy: row.get::<_, i64>(0)? != 0,
            pages: pages(row.get(1)?),
            moved: pages(row.get(2)?),
        })
    })
}

#[cfg(test)]
impl Gauge {
    /// Leaves the writer, whose thread this is, a log to restart.
    pub(crate) fn ask_for_restart(&self) {
        LOG_PAGES.set(RESTART_PAGES);
        self.restart.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_looked_at_once_per_stretch_and_anew_after_a_restart() {
        let gauge = Gauge::default();
        gauge.note(COPY_PAGES - 1);
        assert!(!gauge.lock().wants_copy());
        gauge.note(COPY_PAGES);
        assert!(matches!(gauge.next(&mut 0), Some(Work::Copy)));
        gauge.look();
        assert!(!gauge.lock().wants_copy());
        gauge.note(2 * COPY_PAGES);
        assert!(gauge.lock().wants_copy());
        gauge.look();
        gauge.note(COPY_PAGES);
        assert!(gauge.lock().wants_copy());
    }

    #[test]
    fn a_commit_during_the_last_copy_is_not_forgotten() {
        let gauge = Gauge::default();
        gauge.note(1);
        gauge.note(2);
        gauge.emptied(1);
        assert_eq!(gauge.lock().pages, 2);
        gauge.emptied(2);
        assert_eq!(gauge.lock().pages, 0);
    }

    #[test]
    fn a_closed_gauge_ends_the_work() {
        let gauge = Gauge::default();
        gauge.close();
        assert!(gauge.next(&mut 0).is_none());
    }
}
