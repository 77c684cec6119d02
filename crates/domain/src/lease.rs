//! Arithmetic of leases: when a worker must have stopped, and how long a stop may take.

use crate::limits::{KILL_MS, LEASE_KILL_MARGIN_MS, LEASE_TERMINATE_MARGIN_MS};
use crate::time::Timestamp;

/// How long before the end of a lease a worker that cannot renew it must act, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfStop {
    /// Send the polite signal.
    pub terminate_margin_ms: u64,
    /// Kill, whatever the grace.
    pub kill_margin_ms: u64,
}

/// The margins of leases of this length. They shrink with a lease that is shorter than the usual
/// one: it would leave no time to work otherwise.
pub fn self_stop(lease_ms: u64) -> SelfStop {
    SelfStop {
        terminate_margin_ms: LEASE_TERMINATE_MARGIN_MS.min(lease_ms / 3),
        kill_margin_ms: LEASE_KILL_MARGIN_MS.min(lease_ms / 6),
    }
}

/// The promised bound of a stop before its order was delivered.
///
/// The order may only reach the worker's supervisor at the end of the lease.
pub fn stops_by_undelivered(lease_end: Timestamp, now: Timestamp, grace_ms: u64) -> Timestamp {
    lease_end.max(now).plus_ms(grace_ms.saturating_add(KILL_MS))
}

/// The promised bound once the worker has the order; never later than what was promised before.
pub fn stops_by_delivered(
    promised: Timestamp,
    delivered_at: Timestamp,
    grace_ms: u64,
) -> Timestamp {
    promised.min(delivered_at.plus_ms(grace_ms.saturating_add(KILL_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_only_ever_lowered() {
        let promised = stops_by_undelivered(at(30_000), at(1_000), 10_000);
        assert_eq!(promised, at(45_000));
        assert_eq!(stops_by_delivered(promised, at(1_010), 10_000), at(16_010));
        assert_eq!(stops_by_delivered(promised, at(40_000), 10_000), promised);
    }

    #[test]
    fn the_margins_of_short_leases_are_their_share() {
        let margins = |lease_ms| {
            let plan = self_stop(lease_ms);
            (plan.terminate_margin_ms, plan.kill_margin_ms)
        };
        assert_eq!(margins(30_000), (10_000, 5_000));
        assert_eq!(margins(600_000), (10_000, 5_000));
        assert_eq!(margins(6_000), (2_000, 1_000));
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }
}
