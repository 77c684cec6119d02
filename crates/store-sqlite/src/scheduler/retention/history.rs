//! The executions that are forgotten, with all that only they need.
//!
//! There is no index by age: it would be paid for by every end of an execution. Ids rise in the order
//! of acceptance, so a walk from the lowest one ends where nothing can be old enough. What lives long
//! is passed over, and the place where a slice ended is kept in memory: after a restart, or once the
//! walk came to its end, it begins anew.

use rusqlite::Row;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::limits::{RETENTION_BYTES_MAX, RETENTION_WALK_MAX};
use taskpilot_domain::retention::{Past, Retention, key_kept_until};
use taskpilot_domain::time::Timestamp;
use taskpilot_store::scheduler::Forgotten;

use crate::decode::Columns;
use crate::failure::Failure;
use crate::scheduler::codes::{Coded, Place, word};
use crate::scheduler::turn::Turn;

static LIST_OLDEST: &str = include_str!("../../../sql/scheduler/retention/list_oldest.sql");
static COUNT_BYTES: &str = include_str!("../../../sql/scheduler/retention/count_bytes.sql");
static DELETE: &str = include_str!("../../../sql/scheduler/retention/delete_execution.sql");
static INSERT_KEY: &str = include_str!("../../../sql/scheduler/retention/insert_forgotten_key.sql");

/// What goes with an execution.
static DEPENDENTS: [&str; 11] = [
    // While the row says who the parent is.
    include_str!("../../../sql/scheduler/retention/leave_family.sql"),
    include_str!("../../../sql/scheduler/retention/delete_family.sql"),
    include_str!("../../../sql/scheduler/retention/delete_closed_tree.sql"),
    include_str!("../../../sql/scheduler/retention/delete_spec.sql"),
    include_str!("../../../sql/scheduler/retention/delete_verdict.sql"),
    include_str!("../../../sql/scheduler/retention/delete_cancel_requests.sql"),
    include_str!("../../../sql/scheduler/retention/delete_attempts.sql"),
    include_str!("../../../sql/scheduler/retention/delete_outputs.sql"),
    include_str!("../../../sql/scheduler/retention/delete_stops.sql"),
    include_str!("../../../sql/scheduler/retention/delete_cleanup.sql"),
    include_str!("../../../sql/scheduler/retention/delete_progress.sql"),
];

/// One execution of the walk.
struct Old {
    id: ExecutionId,
    namespace: i64,
    place: Place,
    accepted_at: Timestamp,
    past: Past,
    key: Option<(String, Timestamp)>,
}

pub(super) fn forget(
    turn: &mut Turn<'_>,
    retention: Retention,
    limit: u32,
) -> Result<Forgotten, Failure> {
    let (now, horizon) = (turn.now, retention.horizon(turn.now));
    let walked = walk(turn)?;
    let mut slice = Forgotten {
        rows: 0,
        more: walked.len() >= RETENTION_WALK_MAX as usize,
    };
    let mut bytes = 0;
    for old in walked {
        if old.accepted_at >= horizon {
            slice.more = false;
            break;
        }
        turn.memory.forgotten_to = old.id.get();
        if !retention.forgets(now, old.past) {
            continue;
        }
        bytes += count_bytes(turn, old.id)?;
        remove(turn, &old)?;
        slice.rows += 1;
        if slice.rows >= limit || bytes >= RETENTION_BYTES_MAX {
            slice.more = true;
            break;
        }
    }
    if !slice.more {
        turn.memory.forgotten_to = 0;
    }
    Ok(slice)
}

fn walk(turn: &mut Turn<'_>) -> Result<Vec<Old>, Failure> {
    let from = turn.memory.forgotten_to;
    let statement = turn.statement(LIST_OLDEST)?;
    let rows = statement.query_map((from, RETENTION_WALK_MAX), |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> Result<Old, Failure> {
    let mut columns = Columns::of(row, "execution")?;
    let id = columns.number("id")?;
    let namespace = columns.value("namespace")?;
    let place: Place = word(&mut columns, "state")?;
    let since = columns.instant("state_at")?;
    let accepted_at = columns.instant("accepted_at")?;
    let key: Option<String> = columns.value("key")?;
    let key_seen_at = columns.instant_or_none("key_seen_at")?;
    let has_open_stop = columns.value("has_open_stop")?;
    let has_children = columns.value("has_children")?;
    let owes_cleanup = columns.value("owes_cleanup")?;
    Ok(Old {
        id,
        namespace,
        place,
        accepted_at,
        past: Past {
            state: place.state(),
            since,
            has_open_stop,
            has_children,
            owes_cleanup,
        },
        key: key.zip(key_seen_at),
    })
}

fn count_bytes(turn: &mut Turn<'_>, id: ExecutionId) -> Result<u64, Failure> {
    let statement = turn.statement(COUNT_BYTES)?;
    let bytes: i64 = statement.query_row([id.get()], |row| row.get(0))?;
    Ok(bytes.cast_unsigned())
}

fn remove(turn: &mut Turn<'_>, old: &Old) -> Result<(), Failure> {
    let id = old.id.get();
    turn.statement(DELETE)?.execute((id, old.place.code()))?;
    for dependents in DEPENDENTS {
        turn.statement(dependents)?.execute([id])?;
    }
    // What comes under this key is answered with its loss, and not with another execution.
    if let Some((key, seen_at)) = &old.key {
        let until = key_kept_until(*seen_at).max(turn.now);
        let row = (until.as_millis(), old.namespace, key);
        turn.statement(INSERT_KEY)?.execute(row)?;
    }
    Ok(())
}
