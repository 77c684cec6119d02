//! The stages of a stop as data: which stamps a fact fills, and within what bounds.
//!
//! What was known first stands. A later fact moves the status or fills what is empty.

use super::status::{Containment, How, StopStatus};
use super::transition::{StopChange, StopEvent, advance};
use crate::lease::stops_by_delivered;
use crate::time::Timestamp;

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopStages {
    /// The stage.
    pub status: StopStatus,
    /// Time from the polite signal to the kill, in milliseconds.
    pub grace_ms: u64,
    /// When the stop was decided.
    pub requested_at: Timestamp,
    /// When the worker had the order.
    pub delivered_at: Option<Timestamp>,
    /// When the handler was signaled.
    pub acknowledged_at: Option<Timestamp>,
    /// When the stop was proven or presumed.
    pub ended_at: Option<Timestamp>,
    /// The promised bound; only ever lowered. `None` where nobody can promise one.
    pub stops_by: Option<Timestamp>,
    /// How the work ended.
    pub how: Option<How>,
    /// What enclosed its processes.
    pub containment: Option<Containment>,
    /// When an operator freed what it held.
    pub released_at: Option<Timestamp>,
}

/// What the wish of an operator to free what a stop holds comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It is free from now on.
    Now(StopStages),
    /// It was released before; the first release stands, also where the stop was proven since.
    Already,
    /// Its status does not allow it.
    Refused,
}

/// What became known about a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopFact {
    /// What happened.
    pub event: StopEvent,
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
    /// What encloses the processes, where that was said.
    pub containment: Option<Containment>,
}

impl StopFact {
    /// What the system itself knows, at the moment at which it happens.
    pub fn of(event: StopEvent) -> Self {
        Self {
            event,
            ago_ms: 0,
            containment: None,
        }
    }
}

impl StopStages {
    /// Whether it holds a slot, a place in its queue, and the way to the next attempt. What it once
    /// gave free it never holds again.
    pub fn holds(&self) -> bool {
        !self.status.is_settled() && self.released_at.is_none()
    }

    /// What a release by an operator comes to.
    pub fn release(&self, now: Timestamp) -> Release {
        if self.released_at.is_some() {
            return Release::Already;
        }
        let fact = StopFact::of(StopEvent::ReleasedByOperator);
        self.after(&fact, now)
            .map_or(Release::Refused, Release::Now)
    }

    /// The stop after `fact`. `None`: the fact is no news, and nothing that came with it is kept.
    pub fn after(&self, fact: &StopFact, now: Timestamp) -> Option<Self> {
        let filled = self.filled(fact, now);
        match advance(self.status, fact.event) {
            StopChange::Moved(status) => Some(Self { status, ..filled }),
            StopChange::Evidence | StopChange::Released => Some(filled),
            StopChange::NoOp | StopChange::Refused => None,
        }
    }

    /// Fills what is empty. A worker that signals its handler has had the order; how long before
    /// its end a work was signaled, nobody knows who was not told.
    fn filled(&self, fact: &StopFact, now: Timestamp) -> Self {
        let mut filled = *self;
        filled.containment = self.containment.or(fact.containment);
        match fact.event {
            StopEvent::Delivered => filled.deliver(fact, now),
            StopEvent::Acknowledged => {
                filled.deliver(fact, now);
                let between = (filled.delivered_at, filled.ended_at);
                let at = filled.stamp(fact, now, between);
                filled.acknowledged_at = self.acknowledged_at.or(Some(at));
            }
            StopEvent::Ended(how) => {
                filled.how = self.how.or(Some(how));
                filled.end(fact, now);
            }
            StopEvent::WorkerGone => filled.end(fact, now),
            StopEvent::ReleasedByOperator => {
                filled.released_at = self.released_at.or(Some(now));
            }
            StopEvent::GaveUp | StopEvent::Unkillable | StopEvent::Overdue => {}
        }
        filled
    }

    fn deliver(&mut self, fact: &StopFact, now: Timestamp) {
        if self.delivered_at.is_none() {
            let between = (None, self.acknowledged_at.or(self.ended_at));
            let at = self.stamp(fact, now, between);
            self.delivered_at = Some(at);
            self.stops_by = self
                .stops_by
                .map(|promised| stops_by_delivered(promised, at, self.grace_ms));
        }
    }

    fn end(&mut self, fact: &StopFact, now: Timestamp) {
        if self.ended_at.is_none() {
            let previous = self.acknowledged_at.or(self.delivered_at);
            self.ended_at = Some(self.stamp(fact, now, (previous, None)));
        }
    }

    /// The instant of a fact: between the stamp before it and the one after it, or now.
    fn stamp(
        &self,
        fact: &StopFact,
        now: Timestamp,
        (previous, next): (Option<Timestamp>, Option<Timestamp>),
    ) -> Timestamp {
        let latest = next.map_or(now, |next| next.min(now));
        now.minus_ms(fact.ago_ms)
            .min(latest)
            .max(previous.unwrap_or(self.requested_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::KILL_MS;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn requested() -> StopStages {
        StopStages {
            status: StopStatus::Requested,
            grace_ms: 10_000,
            requested_at: at(1_000),
            delivered_at: None,
            acknowledged_at: None,
            ended_at: None,
            stops_by: Some(at(45_000)),
            how: None,
            containment: None,
            released_at: None,
        }
    }

    fn ago(event: StopEvent, ago_ms: u64) -> StopFact {
        StopFact {
            ago_ms,
            ..StopFact::of(event)
        }
    }

    #[test]
    fn a_delivery_is_stamped_and_lowers_the_bound() {
        let expected = StopStages {
            status: StopStatus::Delivered,
            delivered_at: Some(at(2_500)),
            stops_by: Some(at(12_500).plus_ms(KILL_MS)),
            ..requested()
        };
        let delivered = ago(StopEvent::Delivered, 500);
        assert_eq!(requested().after(&delivered, at(3_000)), Some(expected));
    }

    #[test]
    fn a_late_delivery_does_not_raise_the_bound() {
        let after = requested().after(&StopFact::of(StopEvent::Delivered), at(44_000));
        let stops_by = after.and_then(|after| after.stops_by);
        assert_eq!(stops_by, requested().stops_by);
    }

    #[test]
    fn a_signal_says_that_the_order_was_had() {
        let expected = StopStages {
            status: StopStatus::Acknowledged,
            delivered_at: Some(at(2_900)),
            acknowledged_at: Some(at(2_900)),
            stops_by: Some(at(12_900).plus_ms(KILL_MS)),
            ..requested()
        };
        let signaled = ago(StopEvent::Acknowledged, 100);
        assert_eq!(requested().after(&signaled, at(3_000)), Some(expected));
    }

    #[test]
    fn a_stamp_lies_between_its_neighbours() {
        let ended = requested().after(&ago(StopEvent::Ended(How::Killed), u64::MAX), at(5_000));
        let ended = ended.expect("it moves");
        assert_eq!(ended.ended_at, Some(at(1_000)), "not before the request");
        let late = ended.after(&StopFact::of(StopEvent::Delivered), at(9_000));
        let late = late.expect("it fills");
        assert_eq!(late.delivered_at, Some(at(1_000)), "not after the end");
        assert_eq!(late.status, StopStatus::Stopped);
    }

    #[test]
    fn what_was_said_first_stands() {
        let stuck = StopFact {
            containment: Some(Containment::Subreaper),
            ..StopFact::of(StopEvent::Unkillable)
        };
        let proof = |how, containment| StopFact {
            containment: Some(containment),
            ..StopFact::of(StopEvent::Ended(how))
        };
        let stuck = requested().after(&stuck, at(2_000)).expect("it moves");
        let proven = stuck.after(&proof(How::Killed, Containment::Cgroup), at(3_000));
        let expected = StopStages {
            status: StopStatus::Stopped,
            ended_at: Some(at(3_000)),
            how: Some(How::Killed),
            containment: Some(Containment::Subreaper),
            ..requested()
        };
        assert_eq!(proven, Some(expected));
        let again = expected.after(&proof(How::Finished, Containment::Cgroup), at(4_000));
        assert_eq!(again, Some(expected));
    }

    #[test]
    fn a_release_frees_once_and_leaves_what_is_known() {
        let stuck = requested()
            .after(&StopFact::of(StopEvent::Unkillable), at(2_000))
            .expect("it moves");
        assert!(stuck.holds());
        let released = StopStages {
            released_at: Some(at(3_000)),
            ..stuck
        };
        assert_eq!(stuck.release(at(3_000)), Release::Now(released));
        assert!(!released.holds());
        assert_eq!(released.release(at(4_000)), Release::Already);
        let end = StopFact::of(StopEvent::Ended(How::Killed));
        let proven = released.after(&end, at(5_000)).expect("it moves");
        let expected = StopStages {
            status: StopStatus::Stopped,
            ended_at: Some(at(5_000)),
            how: Some(How::Killed),
            ..released
        };
        assert_eq!(proven, expected);
        assert!(!proven.holds());
        assert_eq!(proven.release(at(6_000)), Release::Already);
    }

    #[test]
    fn nothing_but_a_failure_to_stop_is_released() {
        for status in StopStatus::ALL {
            let stages = StopStages {
                status,
                ..requested()
            };
            let failed = matches!(status, StopStatus::Stuck | StopStatus::Abandoned);
            let refused = stages.release(at(2_000)) == Release::Refused;
            assert_eq!(refused, !failed, "{status:?}");
        }
    }

    #[test]
    fn no_news_changes_nothing() {
        let delivered = StopFact::of(StopEvent::Delivered);
        let once = requested().after(&delivered, at(2_000)).expect("it moves");
        assert_eq!(once.after(&delivered, at(3_000)), None);
    }
}
