//! One database of one service: its lock, its writer, its readers, its checkpointer.
//!
//! Both halves of the engine stand on this; what a command does is theirs.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use refinery::Runner;
use rusqlite::Connection;
use taskpilot_store::StoreError;
use taskpilot_store::lanes::{Bounds, Lane, Lanes};
use taskpilot_store::reply::Awaited;
use taskpilot_store::rows::changes::Change;
use tokio::sync::broadcast;

use crate::checkpoint::{Checkpointer, Gauge};
use crate::committer::Writer;
use crate::failure::Failure;
use crate::health::Health;
use crate::job::Queued;
use crate::lock::Ownership;
use crate::migrate::migrate;
use crate::open::{Caches, Connector, OpenError, check_library};
use crate::readers::{Look, READERS, Reads};
use crate::transaction::Tx;

/// Commits that a slow listener may be behind before it must look at everything.
const CHANGES_KEPT: usize = 1_024;

/// What tells one database from the other.
pub(crate) struct Service {
    /// Names the files: `control.db`, `control.lock`.
    pub(crate) name: &'static str,
    /// Its schema.
    pub(crate) migrations: fn() -> Runner,
    /// Its share of the memory.
    pub(crate) caches: Caches,
}

/// An open database. Every call is one transaction.
pub(crate) struct Database {
    service: &'static str,
    lanes: Arc<Lanes<Queued>>,
    reads: Arc<Reads>,
    gauge: Arc<Gauge>,
    health: Arc<Health>,
    changes: broadcast::Sender<Arc<[Change]>>,
    running: Mutex<Option<Running>>,
    #[cfg(test)]
    pub(crate) connector: Connector,
}

/// What ends with the database. The lock goes last.
struct Running {
    readers: Vec<JoinHandle<()>>,
    checkpointer: JoinHandle<()>,
    writer: JoinHandle<()>,
    _ownership: Ownership,
}

impl Database {
    /// Takes the lock, brings the schema up to date, starts the threads. It blocks: for a start only.
    pub(crate) fn open(directory: &Path, service: &Service) -> Result<Self, OpenError> {
        check_library()?;
        let ownership = Ownership::take(directory, service.name)?;
        let connector = Connector::new(directory, service.name, service.caches);
        let mut connection = connector.writer()?;
        migrate(&mut connection, (service.migrations)())?;
        let database = Self {
            service: service.name,
            lanes: Arc::new(Lanes::new(Bounds::default())),
            reads: Arc::default(),
            gauge: Arc::default(),
            health: Arc::default(),
            changes: broadcast::channel(CHANGES_KEPT).0,
            running: Mutex::new(None),
            #[cfg(test)]
            connector: connector.clone(),
        };
        let checkpointer = database.checkpointer(connector.checkpointer()?);
        let readers: Vec<Connection> = (0..READERS)
            .map(|_| connector.reader())
            .collect::<rusqlite::Result<_>>()?;
        let writer = database.writer(connector, connection);
        let spawn = |role: &str, work: Box<dyn FnOnce() + Send>| {
            start(service.name, role, work).map_err(|source| OpenError::Io {
                path: directory.into(),
                source,
            })
        };
        let running = Running {
            writer: spawn("writer", Box::new(move || writer.run()))?,
            checkpointer: spawn("checkpointer", Box::new(move || checkpointer.run()))?,
            readers: readers
                .into_iter()
                .map(|connection| {
                    let reads = Arc::clone(&database.reads);
                    spawn("reader", Box::new(move || reads.serve(&connection)))
                })
                .collect::<Result<_, _>>()?,
            _ownership: ownership,
        };
        *database.lock_running() = Some(running);
        Ok(database)
    }

    /// Runs a command in a transaction, with whatever else waits; the answer is durable.
    ///
    /// `run` is called again where a neighbour failed the transaction. `bytes` is about what it
    /// keeps in memory and writes.
    pub(crate) async fn write<A, F>(
        &self,
        lane: Lane,
        bytes: usize,
        run: F,
    ) -> Result<A, StoreError>
    where
        A: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<A, Failure> + Send + 'static,
    {
        self.health.check()?;
        self.push(lane, bytes, run).answer().await
    }

    /// Reads in one snapshot, which holds everything that was answered before.
    pub(crate) async fn read<A, F>(&self, read: F) -> Result<A, StoreError>
    where
        A: Send + 'static,
        F: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        self.reads.push(Look::Single, read).answer().await
    }

    /// The same for what reads many things: it goes behind those that read one.
    pub(crate) async fn list<A, F>(&self, read: F) -> Result<A, StoreError>
    where
        A: Send + 'static,
        F: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        self.reads.push(Look::List, read).answer().await
    }

    /// What changes from now on, one item per commit.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<[Change]>> {
        self.changes.subscribe()
    }

    /// Whether writes are served. A store that failed tries its storage anew for this answer.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        if self.health.check().is_ok() {
            return Ok(());
        }
        self.push(Lane::Heartbeat, 0, |_| Ok(())).answer().await
    }

    /// Serves what waits, ends the threads, gives the directory free. It blocks; repeatable.
    pub(crate) fn close(&self) {
        self.reads.close();
        self.gauge.close();
        let Some(running) = self.lock_running().take() else {
            return;
        };
        self.join(running.readers);
        self.join([running.checkpointer]);
        // The writer goes last: it copies what is left of the log and removes it, which only the
        // last connection does, and no reader can.
        self.lanes.close();
        self.join([running.writer]);
    }

    fn join(&self, threads: impl IntoIterator<Item = JoinHandle<()>>) {
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!(service = self.service, "a thread of the store panicked");
            }
        }
    }

    fn push<A, F>(&self, lane: Lane, bytes: usize, run: F) -> Awaited<A>
    where
        A: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<A, Failure> + Send + 'static,
    {
        let (queued, awaited) = Queued::new(run);
        self.lanes.push(lane, bytes, queued);
        awaited
    }

    fn writer(&self, connector: Connector, connection: Connection) -> Writer {
        Writer {
            service: self.service,
            connector,
            connection: Some(connection),
            lanes: Arc::clone(&self.lanes),
            health: Arc::clone(&self.health),
            gauge: Arc::clone(&self.gauge),
            changes: self.changes.clone(),
            generation: 0,
        }
    }

    fn checkpointer(&self, connection: Connection) -> Checkpointer {
        let lanes = Arc::clone(&self.lanes);
        Checkpointer {
            service: self.service,
            connection,
            gauge: Arc::clone(&self.gauge),
            health: Arc::clone(&self.health),
            alarm: Box::new(move || lanes.push(Lane::Heartbeat, 0, Queued::new(|_| Ok(())).0)),
        }
    }

    fn lock_running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

fn start(
    service: &str,
    role: &str,
    work: Box<dyn FnOnce() + Send>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(format!("{service}-{role}"))
        .spawn(work)
}

#[cfg(test)]
mod tests;
