//! A small pool of threads, each with a connection that cannot write.
//!
//! A read is one short transaction, and so one snapshot. It sees every commit that was answered
//! before it was asked for. Lists wait in a queue of their own and never take the last reader:
//! the looks on the way of a cancel are not behind a flood of them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use taskpilot_domain::limits::{LISTS_WAITING_MAX, READS_WAITING_MAX};
use taskpilot_store::StoreError;
use taskpilot_store::reply::{Awaited, reply};

use crate::failure::Failure;

const BEGIN: &str = include_str!("../sql/connection/begin_read.sql");
const COMMIT: &str = include_str!("../sql/connection/commit.sql");
const ROLLBACK: &str = include_str!("../sql/connection/rollback.sql");

/// Threads that read one database. More of them only share the same two or four cores.
pub(crate) const READERS: u32 = 4;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The class of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// At one thing, or at what somebody waits for: served first.
    Single,
    /// At many things, for people.
    List,
}

/// The queues before the readers.
#[derive(Default)]
pub(crate) struct Reads {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    singles: VecDeque<Read>,
    lists: VecDeque<Read>,
    /// Readers that are busy with a list.
    listing: u32,
    closed: bool,
}

impl State {
    fn queue(&mut self, look: Look) -> (&mut VecDeque<Read>, usize) {
        match look {
            Look::Single => (&mut self.singles, READS_WAITING_MAX),
            Look::List => (&mut self.lists, LISTS_WAITING_MAX),
        }
    }

    fn take(&mut self) -> Option<(Look, Read)> {
        if let Some(read) = self.singles.pop_front() {
            return Some((Look::Single, read));
        }
        if self.listing + 1 >= READERS {
            return None;
        }
        let read = self.lists.pop_front()?;
        self.listing += 1;
        Some((Look::List, read))
    }
}

impl Reads {
    /// Queues a read and gives its answer, which is `Overloaded` where too many wait.
    pub(crate) fn push<A, F>(&self, look: Look, read: F) -> Awaited<A>
    where
        A: Send + 'static,
        F: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        let (reply, awaited) = reply();
        let mut state = self.lock();
        if state.closed {
            reply.send(Err(closed()));
            return awaited;
        }
        let (waiting, most) = state.queue(look);
        if waiting.len() >= most {
            reply.send(Err(StoreError::Overloaded));
        } else {
            waiting.push_back(Box::new(move |connection| {
                let answer = in_snapshot(connection, read);
                reply.send(answer.map_err(Failure::into_store_error));
            }));
            self.arrived.notify_one();
        }
        awaited
    }

    /// What one reader thread does until the end.
    pub(crate) fn serve(self: &Arc<Self>, connection: &Connection) {
        while let Some((look, read)) = self.next() {
            read(connection);
            if look == Look::List {
                self.lock().listing -= 1;
            }
        }
    }

    /// Ends the readers once what waits is answered.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn next(&self) -> Option<(Look, Read)> {
        let mut state = self.lock();
        loop {
            if let Some(read) = state.take() {
                return Some(read);
            }
            // A list that is left is served by one of those that are busy with another.
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
