//! One slice of retention.

use taskpilot_domain::retention::Retention;
use taskpilot_store::scheduler::Forgotten;

use super::{history, keys, latency, sessions};
use crate::failure::Failure;
use crate::scheduler::turn::Turn;

/// Forgets at most `limit` executions, keys, sessions or minutes of counts, the kinds in this order.
pub(in crate::scheduler) fn forget(
    turn: &mut Turn<'_>,
    retention: Retention,
    limit: u32,
) -> Result<Forgotten, Failure> {
    let slice = history::forget(turn, retention, limit)?;
    if slice.more {
        return Ok(slice);
    }
    let mut rows = slice.rows;
    rows += keys::forget(turn, limit - rows.min(limit))?;
    rows += sessions::forget(turn, retention, limit - rows.min(limit))?;
    rows += latency::forget(turn, retention, limit - rows.min(limit))?;
    Ok(Forgotten {
        rows,
        more: rows >= limit,
    })
}
