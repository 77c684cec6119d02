//! Counts the stages of stops in the transaction that learns of them.

use taskpilot_domain::histogram::Bucket;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::stop::StopStages;

use crate::failure::Failure;
use crate::scheduler::codes::Coded;
use crate::scheduler::turn::Turn;

static COUNT: &str = include_str!("../../../sql/scheduler/latency/count.sql");
static COUNT_TOTAL: &str = include_str!("../../../sql/scheduler/latency/count_total.sql");

/// Counts what became known of a stop between `before` and `after`.
pub(in crate::scheduler) fn count(
    turn: &mut Turn<'_>,
    execution: ExecutionId,
    (before, after): (&StopStages, &StopStages),
) -> Result<(), Failure> {
    let minute = turn.now.minute();
    for (stage, ms) in after.measured_since(before) {
        let (id, stage, bucket) = (execution.get(), stage.code(), Bucket::of(ms).0);
        turn.statement(COUNT)?
            .execute((id, minute, stage, bucket))?;
        turn.statement(COUNT_TOTAL)?.execute((id, stage, bucket))?;
    }
    Ok(())
}
