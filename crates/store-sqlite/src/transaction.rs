//! What a command sees of the transaction it runs in.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;

use rusqlite::Connection;
use taskpilot_fault::{Step, Steps};
use taskpilot_store::rows::changes::Change;

use crate::failure::Failure;

/// What is left to do before the commit.
type Last = Box<dyn FnOnce(&Tx<'_>) -> Result<(), Failure>>;

/// The open transaction of the writer. It ends with the batch, never within a command.
///
/// It derefs to the connection, so that a read serves both sides of the store.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    generation: u64,
    changes: RefCell<Vec<Change>>,
    last: RefCell<Option<Last>>,
    steps: Steps,
    unserved: Cell<bool>,
    work: Cell<bool>,
}

/// What a transaction leaves to be done with its commit.
pub(crate) struct Left {
    /// To be published after it.
    pub(crate) changes: Vec<Change>,
    /// To be passed on both sides of it.
    pub(crate) steps: Steps,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: &'c Connection, generation: u64) -> Self {
        Self {
            connection,
            generation,
            changes: RefCell::default(),
            last: RefCell::default(),
            steps: Steps::default(),
            unserved: Cell::default(),
            work: Cell::default(),
        }
    }

    /// Notes that the command asked for work and got none: where the transaction has some at its end,
    /// the command is run once more.
    pub(crate) fn note_unserved(&self) {
        self.unserved.set(true);
    }

    /// Whether that was noted since this was last asked.
    pub(crate) fn take_unserved(&self) -> bool {
        self.unserved.take()
    }

    /// Notes whether the transaction has made work for somebody by now.
    pub(crate) fn note_work(&self, there: bool) {
        self.work.set(there);
    }

    /// What was noted last.
    pub(crate) fn has_work(&self) -> bool {
        self.work.get()
    }

    /// Notes a change for those who wait; it is published after the commit, or never.
    pub(crate) fn publish(&self, change: Change) {
        self.changes.borrow_mut().push(change);
    }

    /// Notes what is done when this commits, so that a test can make it fail.
    pub(crate) fn step(&self, step: Step) {
        self.steps.note(step);
    }

    /// Rises with every rollback: what was kept in memory under an earlier one may never have been.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Has `last` run once after all commands of the batch, instead of whatever was there before.
    pub(crate) fn before_commit(
        &self,
        last: impl FnOnce(&Tx<'_>) -> Result<(), Failure> + 'static,
    ) {
        *self.last.borrow_mut() = Some(Box::new(last));
    }

    /// Does what is left to do.
    pub(crate) fn run_last(&self) -> Result<(), Failure> {
        let last = self.last.take();
        last.map_or(Ok(()), |last| last(self))
    }

    pub(crate) fn into_left(self) -> Left {
        Left {
            changes: self.changes.into_inner(),
            steps: self.steps,
        }
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
