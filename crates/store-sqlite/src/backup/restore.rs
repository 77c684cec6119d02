//! The return of copies: checked, brought up to date, and kept from giving an id twice.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use taskpilot_domain::ids::MAX_ID;
use taskpilot_domain::limits::RESTORE_IDS_JUMP;

use super::copy::DATABASES;
use crate::control::CONTROL;
use crate::database::Service;
use crate::lock::Ownership;
use crate::migrate::{is_ours, migrate};
use crate::open::{Connector, OpenError, check_library};
use crate::scheduler::SCHEDULER;

const BEGIN_SEQUENCES: &str = include_str!("../../sql/restore/begin_sequences.sql");
const JUMP_SEQUENCES: &str = include_str!("../../sql/restore/jump_sequences.sql");
const JUMP_COUNTERS: &str = include_str!("../../sql/restore/jump_counters.sql");
const REPLACE_TOKENS: &str = include_str!("../../sql/restore/replace_tokens.sql");

/// Where the engine keeps the last ids of tables that never give one twice.
const SEQUENCES: &str = "sqlite_sequence";

/// Why a copy was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something in the directory already.
    #[error("{} is not empty: restore into a new directory", .0.display())]
    NotEmpty(PathBuf),
    /// The copy is not a whole database of this service.
    #[error("the copy of {database} is damaged: {detail}")]
    Damaged {
        /// Which one.
        database: String,
        /// What the engine says.
        detail: String,
    },
    /// As when a store is opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// An empty directory that belongs to whoever holds this, until it is filled or given up.
#[derive(Debug)]
pub struct Restore {
    directory: PathBuf,
    _owned: [Ownership; 2],
    taken: Vec<&'static str>,
    finished: bool,
}

impl Restore {
    /// Takes a directory, which is made where it is missing. One that is in use or not empty is
    /// refused and left as it is.
    pub fn begin(directory: &Path) -> Result<Self, RestoreError> {
        check_library()?;
        let is_lock = |name: &str| DATABASES.iter().any(|one| *name == format!("{one}.lock"));
        let names = names_in(directory)?;
        let own = || -> Result<[Ownership; 2], OpenError> {
            let [first, second] = DATABASES.map(|name| Ownership::take(directory, name));
            Ok([first?, second?])
        };
        let empty = names.iter().all(|name| is_lock(name));
        // Where it is in use, that is what to say.
        let owned = if empty || names.iter().any(|name| is_lock(name)) {
            Some(own()?)
        } else {
            None
        };
        match owned {
            Some(owned) if empty => Ok(Self {
                directory: directory.into(),
                _owned: owned,
                taken: Vec::new(),
                finished: false,
            }),
            _ => Err(RestoreError::NotEmpty(directory.into())),
        }
    }

    /// A file to write the copy of `database` to; only the owner of the directory reads it.
    pub fn create(&self, database: &str) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.draft(database))
    }

    /// Takes the copy that was written: checks it, brings its schema up to date, lets its ids jump.
    ///
    /// Ids that were handed out after the backup are never handed out again. Sessions get tokens
    /// that nobody knows, and are not ended: their leases lapse one lease after the start, when a
    /// worker that still runs has ended its work by itself. Ended at once, it would run twice.
    pub fn take(&mut self, database: &str) -> Result<(), RestoreError> {
        let service = [&CONTROL, &SCHEDULER];
        let service = service.into_iter().find(|one| one.name == database);
        let service = service.ok_or_else(|| damaged(database, "no such database"))?;
        let draft = self.draft(database);
        let connector = Connector::new(&self.directory, &draft_name(database), service.caches);
        let mut connection = connector
            .writer()
            .map_err(|error| broken(database, &error))?;
        check(&connection, database)?;
        migrate(&mut connection, (service.migrations)())?;
        renew(&mut connection, service).map_err(|error| broken(database, &error))?;
        // The last connection copies the log and removes it.
        connection
            .close()
            .map_err(|(_, error)| broken(database, &error))?;
        let synced = File::open(&draft).and_then(|file| file.sync_all());
        synced.map_err(|source| io_error(&draft, source))?;
        self.taken.push(service.name);
        Ok(())
    }

    /// Gives what was taken its names, and the directory free.
    pub fn finish(mut self) -> Result<Vec<&'static str>, RestoreError> {
        for database in &self.taken {
            let path = self.directory.join(format!("{database}.db"));
            let renamed = fs::rename(self.draft(database), &path);
            renamed.map_err(|source| io_error(&path, source))?;
        }
        let synced = File::open(&self.directory).and_then(|file| file.sync_all());
        synced.map_err(|source| io_error(&self.directory, source))?;
        self.finished = true;
        Ok(std::mem::take(&mut self.taken))
    }

    fn draft(&self, database: &str) -> PathBuf {
        self.directory.join(format!("{}.db", draft_name(database)))
    }
}

/// What was not finished leaves nothing behind but the lock files.
impl Drop for Restore {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        for database in DATABASES {
            let draft = self.draft(database);
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let mut path = draft.clone().into_os_string();
                path.push(suffix);
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn draft_name(database: &str) -> String {
    format!("{database}.restoring")
}

fn names_in(directory: &Path) -> Result<Vec<String>, OpenError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io_error(directory, source)),
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let names: io::Result<Vec<String>> = entries.map(name).collect();
    names.map_err(|source| io_error(directory, source))
}

/// Whole, its indexes too, and of this service: a stranger would be migrated into something that is
/// neither.
fn check(connection: &Connection, database: &str) -> Result<(), RestoreError> {
    let said =
        connection.pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0));
    let said = said.map_err(|error| broken(database, &error))?;
    if said != "ok" {
        return Err(damaged(database, &said));
    }
    match is_ours(connection) {
        Ok(true) => Ok(()),
        Ok(false) => Err(damaged(database, "it has no schema of TaskPilot")),
        Err(error) => Err(broken(database, &error)),
    }
}

fn renew(connection: &mut Connection, service: &Service) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    let mut highest = Vec::new();
    if tx.table_exists(None, SEQUENCES)? {
        tx.execute(BEGIN_SEQUENCES, [])?;
        highest = jump(&tx, JUMP_SEQUENCES)?;
    }
    if service.name == SCHEDULER.name {
        highest.extend(jump(&tx, JUMP_COUNTERS)?);
        tx.execute(REPLACE_TOKENS, [])?;
    }
    if highest.iter().any(|id| *id > MAX_ID) {
        return Err(rusqlite::Error::IntegralValueOutOfRange(0, MAX_ID));
    }
    tx.commit()
}

/// The numbers after it.
fn jump(connection: &Connection, statement: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare(statement)?;
    let numbers = statement.query_map([RESTORE_IDS_JUMP], |row| row.get(0))?;
    numbers.collect()
}

fn broken(database: &str, error: &rusqlite::Error) -> RestoreError {
    damaged(database, &error.to_string())
}

fn damaged(database: &str, detail: &str) -> RestoreError {
    RestoreError::Damaged {
        database: database.into(),
        detail: detail.into(),
    }
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests;
