//! The keys that are forgotten, some time after what they stood for.

use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static LIST: &str = include_str!("../../../sql/scheduler/retention/list_forgotten_keys.sql");
static DELETE: &str = include_str!("../../../sql/scheduler/retention/delete_forgotten_key.sql");
static DELETE_KEY: &str = include_str!("../../../sql/scheduler/retention/delete_key.sql");

pub(super) fn forget(turn: &mut Turn<'_>, limit: u32) -> Result<u32, Failure> {
    let now = turn.now.as_millis();
    let rows = turn.statement(LIST)?.query_map((now, limit), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let due: Vec<(i64, i64, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut forgotten = 0;
    for (at, namespace, key) in due {
        turn.statement(DELETE_KEY)?.execute((namespace, &key))?;
        turn.statement(DELETE)?.execute((at, namespace, &key))?;
        forgotten += 1;
    }
    Ok(forgotten)
}
