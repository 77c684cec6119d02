//! Brings a schema up to date, forward only, and refuses one that is newer than this release.

use refinery::Runner;
use rusqlite::Connection;

use crate::open::OpenError;

const CREATE_PROBE: &str = include_str!("../sql/connection/create_probe.sql");

/// Where refinery writes down what it applied.
const HISTORY: &str = "refinery_schema_history";

/// Whether a release of ours has written a schema here.
pub(crate) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    connection.table_exists(None, HISTORY)
}

/// Applies what is missing, all in one transaction. Whoever calls owns the database.
pub(crate) fn migrate(connection: &mut Connection, runner: Runner) -> Result<(), OpenError> {
    let failed = |error| OpenError::Migration(Box::new(error));
    let known = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    let known = known.max().unwrap_or(0);
    let found = if is_ours(connection)? {
        let applied = runner
            .get_last_applied_migration(connection)
            .map_err(failed)?;
        applied.map_or(0, |migration| migration.version())
    } else {
        0
    };
    if found > known {
        return Err(OpenError::NewerSchema { found, known });
    }
    runner.set_grouped(true).run(connection).map_err(failed)?;
    connection.execute_batch(CREATE_PROBE)?;
    Ok(())
}
