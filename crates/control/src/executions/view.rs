//! The execution of a task in our own words: what was not sent is null, and only latencies are
//! derived.

use taskpilot_api::executions::ExecutionView;
use taskpilot_api::scheduler::Execution;
use taskpilot_domain::latency::{Latencies, Stamps};
use taskpilot_domain::time::Timestamp;

/// The view of what the scheduler sent.
pub(crate) fn of(execution: Execution) -> ExecutionView {
    let latencies = latencies(&execution);
    ExecutionView {
        scheduler_task_id: execution.id,
        status: execution.status,
        attempt_count: execution.attempt_count,
        max_attempts: execution.max_attempts,
        next_run_at: execution.next_run_at,
        retry_state: execution.retry_state,
        last_error: execution.last_error,
        scheduled_for: execution.scheduled_for,
        processing_started_at: execution.processing_started_at,
        completed_at: execution.completed_at,
        worker_id: execution.worker_id,
        queue_latency_ms: latencies.queue_ms,
        processing_latency_ms: latencies.processing_ms,
        end_to_end_latency_ms: latencies.end_to_end_ms,
        result: execution.result,
        phase: execution.phase,
        blocked_by: execution.blocked_by,
        cancel: execution.cancel,
        stop: execution.stop,
        progress: execution.progress,
        attempts: execution.attempts,
        cleanup: execution.cleanup.map(|cleanup| Box::new(of(*cleanup))),
    }
}

/// Without the instant it was due, only the processing has a length.
fn latencies(execution: &Execution) -> Latencies {
    let due = execution.scheduled_for;
    let stamps = Stamps {
        scheduled_for: due.unwrap_or(Timestamp::EPOCH),
        processing_started_at: execution.processing_started_at,
        completed_at: execution.completed_at,
    };
    let latencies = stamps.latencies();
    Latencies {
        queue_ms: latencies.queue_ms.filter(|_| due.is_some()),
        end_to_end_ms: latencies.end_to_end_ms.filter(|_| due.is_some()),
        ..latencies
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_api::open::StateWord;
    use taskpilot_domain::ids::ExecutionId;

    use super::*;

    fn latencies_of(stamps: [Option<i64>; 3]) -> [Option<u64>; 3] {
        let id = ExecutionId::new(7).unwrap();
        let [due, started, completed] = stamps.map(|at| at.map(Timestamp::from_millis));
        let view = of(Execution {
            scheduled_for: due,
            processing_started_at: started,
            completed_at: completed,
            ..Execution::plain(id, StateWord::from_word("PAUSED"))
        });
        [
            view.queue_latency_ms,
            view.processing_latency_ms,
            view.end_to_end_latency_ms,
        ]
    }

    #[test]
    fn latencies_need_both_of_their_stamps() {
        for (stamps, expected) in [
            ([None, None, None], [None, None, None]),
            ([Some(10), Some(15), None], [Some(5), None, None]),
            (
                [Some(10), Some(15), Some(35)],
                [Some(5), Some(20), Some(25)],
            ),
            ([None, Some(15), Some(35)], [None, Some(20), None]),
            ([Some(10), None, Some(35)], [None, None, Some(25)]),
            ([Some(50), None, Some(35)], [None, None, None]),
        ] {
            assert_eq!(latencies_of(stamps), expected, "{stamps:?}");
        }
    }
}
