//! How a database is opened: the version of the library, the settings of each kind of connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use taskpilot_domain::limits::PAGE_CACHES_BYTES_MAX;

use crate::control::CONTROL;
use crate::readers::READERS;
use crate::scheduler::SCHEDULER;

/// Older libraries can lose committed writes in WAL mode.
const LIBRARY_MIN: i32 = 3_051_003;
const _: () = assert!(rusqlite::ffi::SQLITE_VERSION_NUMBER >= LIBRARY_MIN);

/// Only a checkpoint, or a foreign program, ever holds a lock that we want.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What the log is cut back to when it starts from its beginning again.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// More than there are statements: none is ever prepared twice on a connection.
const STATEMENTS_KEPT: usize = 256;

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store of this one, owns the database.
    #[error("{} is held by {}: stop it, or use another directory", path.display(), name_of(*holder))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, where it is known.
        holder: Option<u32>,
    },
    /// The linked library is too old to be trusted.
    #[error("the SQLite library is {found}: 3.51.3 or newer is needed")]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// The database was written by a newer release.
    #[error("the schema is version {found} and this release knows {known}: use a newer release")]
    NewerSchema {
        /// What the database says.
        found: i32,
        /// What this release knows.
        known: i32,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated")]
    Migration(#[source] Box<refinery::Error>),
    /// A file could not be made, opened or read.
    #[error("cannot use {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine refused.
    #[error("the database could not be opened")]
    Engine(#[from] rusqlite::Error),
}

fn name_of(holder: Option<u32>) -> String {
    holder.map_or("another process".into(), |pid| format!("process {pid}"))
}

/// The page caches of the connections of one database, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caches {
    pub(crate) writer_kib: u32,
    pub(crate) reader_kib: u32,
}

/// The checkpointer copies pages past its cache.
const CHECKPOINTER_KIB: u32 = 256;

impl Caches {
    /// All caches of one database.
    pub(crate) const fn total_bytes(self) -> usize {
        (self.writer_kib + self.reader_kib * READERS + CHECKPOINTER_KIB) as usize * 1024
    }
}

/// Both databases may be open in one process.
const _: () =
    assert!(CONTROL.caches.total_bytes() + SCHEDULER.caches.total_bytes() <= PAGE_CACHES_BYTES_MAX);

/// Opens the connections of one database, now and after a failure.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    path: PathBuf,
    caches: Caches,
    /// Pages that the database may have; 0 is no limit. How a test fills a disk.
    page_limit: Arc<AtomicU32>,
}

impl Connector {
    pub(crate) fn new(directory: &Path, service: &str, caches: Caches) -> Self {
        Self {
            path: directory.join(format!("{service}.db")),
            caches,
            page_limit: Arc::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.page_limit.store(pages, Ordering::SeqCst);
    }

    /// The connection that writes; there is never more than one.
    pub(crate) fn writer(&self) -> rusqlite::Result<Connection> {
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let writer = self.connect(create, self.caches.writer_kib)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", false)?;
        writer.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        // Commits never pay for a checkpoint: another thread makes them.
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        let page_limit = self.page_limit.load(Ordering::SeqCst);
        if page_limit > 0 {
            writer.pragma_update(None, "max_page_count", page_limit)?;
        }
        Ok(writer)
    }

    /// A connection that cannot write.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY, self.caches.reader_kib)
    }

    /// The connection that copies the log into the database.
    pub(crate) fn checkpointer(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, CHECKPOINTER_KIB)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        Ok(connection)
    }

    fn connect(&self, flags: OpenFlags, cache_kib: u32) -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Else each new value of a LIMIT compiles its statement anew: a fifth of the writer's time
        // under claims of one (2026-11).
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
        // An I/O error in mapped memory is a signal, which nobody can answer with an error.
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    }
}

/// The version of the linked library.
pub fn library_version() -> &'static str {
    rusqlite::version()
}

/// Refuses a library that may lose what was committed.
pub(crate) fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < LIBRARY_MIN {
        return Err(OpenError::Library {
            found: rusqlite::version(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linked_library_is_the_one_that_was_compiled() {
        check_library().unwrap();
        assert_eq!(
            rusqlite::version_number(),
            rusqlite::ffi::SQLITE_VERSION_NUMBER
        );
    }

    #[test]
    fn the_writer_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let caches = Caches {
            writer_kib: 512,
            reader_kib: 128,
        };
        let connector = Connector::new(directory.path(), "test", caches);
        let writer = connector.writer().unwrap();
        let setting = |name: &str| -> String {
            let value = writer
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
            match value.unwrap() {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => panic!("{name} is {other:?}"),
            }
        };
        assert_eq!(setting("journal_mode"), "wal");
        assert_eq!(setting("synchronous"), "2");
        assert_eq!(setting("wal_autocheckpoint"), "0");
        assert_eq!(setting("mmap_size"), "0");
        assert_eq!(setting("cache_size"), "-512");
        assert_eq!(setting("foreign_keys"), "0");
    }
}
