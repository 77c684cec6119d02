//! A database of an older release, with data in it, is opened by this one: everything in it is there,
//! and what is new works on what is old.
//!
//! The rows are written here as the old release wrote them. What the stores read of them is a snapshot,
//! so that a column that is added has to say what it means in a row that never had it.
#![cfg(test)]

mod control;
mod scheduler;

use std::fmt::Debug;
use std::path::Path;

use refinery::{Runner, Target};
use rusqlite::Connection;

/// The version of both schemas that was the first to be released with data of users in it.
const OLD: i32 = 4;

/// Makes the database of a service as it was at the old version, with these rows.
fn make_old(directory: &Path, service: &str, migrations: Runner, rows: &str) {
    let mut connection = Connection::open(directory.join(format!("{service}.db"))).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    let migrations = migrations.set_target(Target::Version(OLD));
    migrations.run(&mut connection).unwrap();
    connection.execute_batch(rows).unwrap();
    assert_eq!(version(&connection), OLD);
}

fn version(connection: &Connection) -> i32 {
    let version = "SELECT max(version) FROM refinery_schema_history";
    connection.query_row(version, [], |row| row.get(0)).unwrap()
}

/// The version of a database that no store has open.
fn version_in(directory: &Path, service: &str) -> i32 {
    version(&Connection::open(directory.join(format!("{service}.db"))).unwrap())
}

/// The newest version that this release knows.
fn newest(migrations: &Runner) -> i32 {
    let versions = migrations.get_migrations().iter();
    versions
        .map(refinery::Migration::version)
        .max()
        .unwrap_or(0)
}

/// One line for each.
fn lines<T: Debug>(all: &[T]) -> String {
    let lines = all.iter().map(|one| format!("{one:?}\n"));
    lines.collect()
}
