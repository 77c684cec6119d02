//! A small pool of threads, each with a connection that cannot write.
//!
//! A read is one short transaction, and so one snapshot. It sees every commit that was answered
//! before it was asked for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use taskpilot_domain::limits::READS_WAITING_MAX;
use taskpilot_store::StoreError;
use taskpilot_store::reply::{Awaited, reply};

use crate::failure::Failure;

const BEGIN: &str = include_str!("../sql/connection/begin_read.sql");
const COMMIT: &str = include_str!("../sql/connection/commit.sql");
const ROLLBACK: &str = include_str!("../sql/connection/rollback.sql");

/// Threads that read one database. More of them only share the same two or four cores.
pub(crate) const READERS: u32 = 4;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The queue before the readers.
#[derive(Default)]
pub(crate) struct Reads {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Read>,
    closed: bool,
}

impl Reads {
    /// Queues a read and gives its answer, which is `Overloaded` where too many wait.
    pub(crate) fn push<A, F>(&self, read: F) -> Awaited<A>
    where
        A: Send + 'static,
        F: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        let (reply, awaited) = reply();
        let mut state = self.lock();
        if state.closed {
            reply.send(Err(closed()));
        } else if state.waiting.len() >= READS_WAITING_MAX {
            reply.send(Err(StoreError::Overloaded));
        } else {
            state.waiting.push_back(Box::new(move |connection| {
                let answer = in_snapshot(connection, read);
                reply.send(answer.map_err(Failure::into_store_error));
            }));
            self.arrived.notify_one();
        }
        awaited
    }

    /// What one reader thread does until the end.
    pub(crate) fn serve(self: &Arc<Self>, connection: &Connection) {
        while let Some(read) = self.next() {
            read(connection);
        }
    }

    /// Ends the readers once what waits is answered.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn next(&self) -> Option<Read> {
        let mut state = self.lock();
        loop {
            if let Some(read) = state.waiting.pop_front() {
                return Some(read);
            }
            if state.closed {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_snapshot<A, F>(connection: &Connection, read: F) -> Result<A, Failure>
where
    F: FnOnce(&Connection) -> Result<A, Failure>,
{
    connection.prepare_cached(BEGIN)?.execute([])?;
    let answer =
        catch_unwind(AssertUnwindSafe(|| read(connection))).unwrap_or(Err(Failure::Panicked));
    let end = if answer.is_ok() { COMMIT } else { ROLLBACK };
    if !connection.is_autocommit() {
        connection.prepare_cached(end)?.execute([])?;
    }
    answer
}

fn closed() -> StoreError {
    StoreError::Unavailable {
        detail: "the store is shutting down".into(),
    }
}
