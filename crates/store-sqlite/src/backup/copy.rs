//! A copy of a database that others may be writing to.

use std::path::Path;

use crate::control::CONTROL;
use crate::open::{Caches, Connector, OpenError};
use crate::scheduler::SCHEDULER;

/// The databases of a data directory, in the order in which they have to be copied.
///
/// Every binding of the first names an execution of the second, because that is copied later. What
/// was binding meanwhile is driven to the end by the reconciler, with its stored key. The other way
/// round a task could be bound to an execution that the copy does not hold, which nothing repairs.
pub const DATABASES: [&str; 2] = [CONTROL.name, SCHEDULER.name];

const COPY: &str = include_str!("../../sql/connection/copy.sql");

/// Pages are read once, in order.
const CACHES: Caches = Caches {
    writer_kib: 1024,
    reader_kib: 1024,
};

/// Copies `database` of a directory into the file `into`, which must not exist. `false` where the
/// directory has no such database.
///
/// It reads in one snapshot: whatever was acknowledged before is in the copy, and no writer waits.
/// The log of the database grows meanwhile.
pub fn copy(directory: &Path, database: &str, into: &Path) -> Result<bool, OpenError> {
    let path = directory.join(format!("{database}.db"));
    if !path.is_file() {
        return Ok(false);
    }
    let connection = Connector::new(directory, database, CACHES).reader()?;
    let into = into.to_str().ok_or_else(|| OpenError::Io {
        path: into.into(),
        source: std::io::Error::other("the engine takes paths in UTF-8 only"),
    })?;
    connection.execute(COPY, [into])?;
    Ok(true)
}
