//! Group commit without a timer: one thread owns the connection that writes.
//!
//! It takes whatever waits, runs one transaction, and answers every caller after the commit. The
//! next batch forms while the current one commits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};
use taskpilot_fault::Steps;
use taskpilot_store::StoreError;
use taskpilot_store::lanes::{Command, Lanes, Spent, Waited};
use taskpilot_store::rows::changes::Change;
use tokio::sync::broadcast;

use crate::checkpoint::{self, Gauge};
use crate::failure::{Failure, commit_error, is_storage};
use crate::health::Health;
use crate::job::Queued;
use crate::open::Connector;
use crate::transaction::{Left, Tx};

const BEGIN: &str = include_str!("../sql/connection/begin_write.sql");
const COMMIT: &str = include_str!("../sql/connection/commit.sql");
const ROLLBACK: &str = include_str!("../sql/connection/rollback.sql");
const WRITE_PROBE: &str = include_str!("../sql/connection/write_probe.sql");
const CLEAR_PROBE: &str = include_str!("../sql/connection/clear_probe.sql");

/// How often a failed store tries its storage by itself.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What the writer thread owns.
pub(crate) struct Writer {
    pub(crate) service: &'static str,
    pub(crate) connector: Connector,
    /// `None` only while the storage fails: a new one is opened before the next transaction.
    pub(crate) connection: Option<Connection>,
    pub(crate) lanes: Arc<Lanes<Queued>>,
    pub(crate) health: Arc<Health>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) changes: broadcast::Sender<Arc<[Change]>>,
    /// Rises with every rollback and every new connection.
    pub(crate) generation: u64,
}

/// How an attempt to run a batch ended without a commit.
enum Broken {
    /// This one of the batch failed; nothing was applied.
    Culprit(usize, Failure),
    /// The storage failed: nobody's fault, and everybody is told.
    Storage(StoreError),
}

impl Writer {
    /// Serves until the lanes are closed and empty.
    pub(crate) fn run(mut self) {
        let lanes = Arc::clone(&self.lanes);
        let _end = End {
            service: self.service,
            lanes: Arc::clone(&lanes),
            health: Arc::clone(&self.health),
        };
        checkpoint::watch(self.connection());
        loop {
            let mut spent = Spent::default();
            let timeout = self.health.check().is_err().then_some(PROBE_EVERY);
            match lanes.wait(&mut spent, timeout) {
                Waited::Closed => return,
                Waited::Nothing => drop(self.heal()),
                Waited::First(job) => match self.heal() {
                    Ok(()) => self.serve(job, &mut spent),
                    Err(error) => job.refuse(error),
                },
            }
            self.finish_checkpoint();
        }
    }

    /// What failed here failed after the answers, so the next command is the first that is refused.
    pub(crate) fn finish_checkpoint(&self) {
        if let Some(connection) = &self.connection
            && let Err(error) = self.gauge.finish_checkpoint(connection)
        {
            checkpoint::note_failure(self.service, &self.health, &error);
        }
    }

    /// One transaction of this command and whatever else waits; then the answers.
    fn serve(&mut self, first: Queued, spent: &mut Spent) {
        let mut batch = vec![first];
        match self.fill(&mut batch, spent) {
            Ok(changes) => self.announce(batch, changes),
            Err(Broken::Storage(error)) => self.answer_all(batch, &error),
            Err(Broken::Culprit(at, failure)) => self.isolate(batch, at, failure),
        }
    }

    /// One bad command never fails its neighbours: they run again without it, and it runs alone.
    fn isolate(&mut self, mut batch: Vec<Queued>, at: usize, failure: Failure) {
        let mut culprits = vec![(batch.remove(at), failure)];
        while !batch.is_empty() {
            match self.attempt(&mut batch) {
                Ok(changes) => {
                    self.announce(std::mem::take(&mut batch), changes);
                }
                Err(Broken::Storage(error)) => {
                    batch.extend(culprits.into_iter().map(|(culprit, _)| culprit));
                    return self.answer_all(batch, &error);
                }
                Err(Broken::Culprit(at, failure)) => culprits.push((batch.remove(at), failure)),
            }
        }
        for (culprit, failure) in culprits {
            self.serve_alone(culprit, &failure);
        }
    }

    fn serve_alone(&mut self, job: Queued, failure: &Failure) {
        if let Err(error) = self.health.check() {
            return job.refuse(error);
        }
        tracing::warn!(
            service = self.service,
            ?failure,
            "a command failed and is tried alone"
        );
        let mut batch = vec![job];
        match self.attempt(&mut batch) {
            Ok(changes) => self.announce(batch, changes),
            Err(Broken::Storage(error)) => self.answer_all(batch, &error),
            Err(Broken::Culprit(_, failure)) => {
                tracing::error!(service = self.service, ?failure, "a command failed");
                self.answer_all(batch, &failure.into_store_error());
            }
        }
    }

    /// Runs the batch and takes more as long as the transaction has room.
    fn fill(&mut self, batch: &mut Vec<Queued>, spent: &mut Spent) -> Result<Vec<Change>, Broken> {
        let lanes = Arc::clone(&self.lanes);
        let begun = now();
        self.transact(batch, |batch| {
            spent.time = now().saturating_duration_since(begun);
            let more = lanes.next(spent);
            let took = more.is_some();
            batch.extend(more);
            took
        })
    }

    /// Runs this batch and no more.
    fn attempt(&mut self, batch: &mut Vec<Queued>) -> Result<Vec<Change>, Broken> {
        self.transact(batch, |_| false)
    }

    /// One transaction; `more` may add to the batch and says whether it did.
    fn transact(
        &mut self,
        batch: &mut Vec<Queued>,
        more: impl FnMut(&mut Vec<Queued>) -> bool,
    ) -> Result<Vec<Change>, Broken> {
        if let Err(error) = execute(self.connection(), BEGIN) {
            return Err(self.roll_back(error.into(), None));
        }
        let left = match self.run_all(batch, more) {
            Ok(left) => left,
            Err((at, failure)) => return Err(self.roll_back(failure, Some(at))),
        };
        // Where the checkpointer met a storage error meanwhile, no commit is begun. One that had begun
        // is answered as it went: it is durable in the log, and "not applied" would be untrue.
        if let Err(failed) = self.health.check() {
            self.undo();
            return Err(Broken::Storage(failed));
        }
        match commit(self.connection(), &left.steps) {
            Ok(()) => Ok(left.changes),
            Err(error) => {
                let told = commit_error(&error);
                if told.may_be_applied() {
                    self.health.fail(self.service, &error);
                }
                self.roll_back(error.into(), None);
                Err(Broken::Storage(told))
            }
        }
    }

    fn run_all(
        &self,
        batch: &mut Vec<Queued>,
        mut more: impl FnMut(&mut Vec<Queued>) -> bool,
    ) -> Result<Left, (usize, Failure)> {
        let tx = Tx::new(self.connection(), self.generation);
        let run = |batch: &mut Vec<Queued>, at: usize| {
            let ran = catch_unwind(AssertUnwindSafe(|| batch[at].run(&tx)));
            ran.unwrap_or(Err(Failure::Panicked))
                .map_err(|failure| (at, failure))
        };
        let (mut at, mut unserved) = (0, Vec::new());
        while at < batch.len() || more(batch) {
            run(batch, at)?;
            if tx.take_unserved() {
                unserved.push(at);
            }
            at += 1;
        }
        // Who asked for work before there was any gets it with this commit, and not with the next.
        for early in unserved {
            if tx.has_work() {
                run(batch, early)?;
            }
        }
        let ran = catch_unwind(AssertUnwindSafe(|| tx.run_last()));
        ran.unwrap_or(Err(Failure::Panicked))
            .map_err(|failure| (at.saturating_sub(1), failure))?;
        Ok(tx.into_left())
    }

    fn roll_back(&mut self, failure: Failure, culprit: Option<usize>) -> Broken {
        let rolled_back = self.undo();
        if let Failure::Sql(error) = &failure
            && is_storage(error)
        {
            self.health.fail(self.service, error);
        }
        match culprit {
            Some(at) if rolled_back && !failure.is_storage() => Broken::Culprit(at, failure),
            _ => Broken::Storage(failure.into_store_error()),
        }
    }

    /// Whether nothing of the transaction is left; else the connection is not to be used again.
    fn undo(&mut self) -> bool {
        self.generation += 1;
        // After some errors the engine has rolled back itself, and would refuse to do it again.
        if !self.connection().is_autocommit()
            && let Err(error) = execute(self.connection(), ROLLBACK)
        {
            self.health.fail(self.service, &error);
            return false;
        }
        true
    }

    fn announce(&self, batch: Vec<Queued>, changes: Vec<Change>) {
        for job in batch {
            job.settle(Ok(()));
        }
        if !changes.is_empty() {
            // Nobody listens yet, or no more: the truth is in the store.
            drop(self.changes.send(changes.into()));
        }
    }

    fn answer_all(&self, batch: Vec<Queued>, error: &StoreError) {
        // What waits hears it first: a check that follows an answer must get to its probe.
        if let Err(failed) = self.health.check() {
            self.lanes.refuse_waiting(&failed);
        }
        for job in batch {
            job.refuse(error.clone());
        }
    }

    /// Nothing to do while the store serves; else a new connection has to write a probe.
    fn heal(&mut self) -> Result<(), StoreError> {
        let Err(failed) = self.health.check() else {
            return Ok(());
        };
        match self.reopen() {
            Ok(()) => {
                self.health.heal(self.service);
                Ok(())
            }
            Err(error) => {
                tracing::debug!(service = self.service, %error, "the storage still fails");
                Err(failed)
            }
        }
    }

    fn reopen(&mut self) -> rusqlite::Result<()> {
        // The old one may hold a lock that the new one needs.
        drop(self.connection.take());
        self.generation += 1;
        let connection = self.connector.writer()?;
        probe(&connection)?;
        checkpoint::watch(&connection);
        self.connection = Some(connection);
        Ok(())
    }

    fn connection(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("invariant: a healthy writer has a connection")
    }
}

/// Writes and copies something that takes new pages, and durably.
fn probe(connection: &Connection) -> rusqlite::Result<()> {
    for statement in [BEGIN, WRITE_PROBE, COMMIT] {
        execute(connection, statement)?;
    }
    checkpoint::passive(connection)?;
    execute(connection, CLEAR_PROBE)
}

/// A test can have the engine fail on either side: as a full disk, which wrote nothing, or as one that
/// failed to say that it did.
fn commit(connection: &Connection, steps: &Steps) -> rusqlite::Result<()> {
    let failed = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    steps.before().map_err(|_| failed(ffi::SQLITE_FULL))?;
    execute(connection, COMMIT)?;
    steps.after().map_err(|_| failed(ffi::SQLITE_IOERR))
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the writer owns the time that a transaction may take"
)]
fn now() -> Instant {
    Instant::now()
}

/// Whatever ends the thread, nobody waits for ever.
struct End {
    service: &'static str,
    lanes: Arc<Lanes<Queued>>,
    health: Arc<Health>,
}

impl Drop for End {
    fn drop(&mut self) {
        if thread::panicking() {
            self.health.fail(self.service, &"the writer panicked");
        }
        self.lanes.close();
        self.lanes.refuse_waiting(&StoreError::Unavailable {
            detail: "the writer of the store has ended".into(),
        });
    }
}
