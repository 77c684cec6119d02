//! The counts of latencies that are forgotten with the history they are of.

use taskpilot_domain::retention::Retention;

use crate::failure::Failure;
use crate::scheduler::turn::Turn;

static DELETE: &str = include_str!("../../../sql/scheduler/retention/delete_stop_latency.sql");

/// The oldest minutes, until `limit` rows or more are gone.
pub(super) fn forget(
    turn: &mut Turn<'_>,
    retention: Retention,
    limit: u32,
) -> Result<u32, Failure> {
    let before = retention.horizon(turn.now).minute();
    let mut forgotten = 0;
    while forgotten < limit {
        let gone = turn.statement(DELETE)?.execute([before])?;
        if gone == 0 {
            break;
        }
        forgotten += u32::try_from(gone).unwrap_or(u32::MAX);
    }
    Ok(forgotten)
}
