//! How long the stages of a stop took.

use serde::{Deserialize, Serialize};

use super::stages::StopStages;
use super::status::StopStatus;
use crate::text::read_back;
use crate::time::Timestamp;

/// What is waited for from the decision of a stop on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopStage {
    /// Until the worker had the order.
    Delivered,
    /// Until the handler was signaled.
    Signaled,
    /// Until the end was proven; a presumed end is none.
    Stopped,
}

impl StopStage {
    /// All stages, in their order.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Signaled, Self::Stopped];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Signaled => "signaled",
            Self::Stopped => "stopped",
        }
    }
}

read_back! { StopStage: "a stage of a stop" }

impl StopStages {
    /// The stages that became known since `before`, each with its milliseconds from the decision on. Of
    /// one stop each stage is told once, in whatever order they become known.
    pub fn measured_since(&self, before: &Self) -> Vec<(StopStage, u64)> {
        let proven = |stop: &Self| {
            let ended = stop.ended_at;
            ended.filter(|_| stop.status == StopStatus::Stopped)
        };
        let stamps = [
            (StopStage::Delivered, before.delivered_at, self.delivered_at),
            (
                StopStage::Signaled,
                before.acknowledged_at,
                self.acknowledged_at,
            ),
            (StopStage::Stopped, proven(before), proven(self)),
        ];
        let news = stamps.into_iter().filter_map(|(stage, before, now)| {
            let at: Timestamp = now.filter(|_| before.is_none())?;
            Some((stage, at.ms_since(self.requested_at)))
        });
        news.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::{How, StopEvent, StopFact};

    fn requested() -> StopStages {
        StopStages {
            status: StopStatus::Requested,
            grace_ms: 10_000,
            requested_at: Timestamp::from_millis(1_000),
            delivered_at: None,
            acknowledged_at: None,
            ended_at: None,
            stops_by: None,
            how: None,
            containment: None,
            released_at: None,
        }
    }

    /// What each fact adds, one after the other, each so many milliseconds after the decision.
    fn measured(facts: &[(StopEvent, i64)]) -> Vec<(StopStage, u64)> {
        let mut stop = requested();
        let mut all = Vec::new();
        for (event, ms) in facts {
            let now = Timestamp::from_millis(1_000 + ms);
            if let Some(after) = stop.after(&StopFact::of(*event), now) {
                all.extend(after.measured_since(&stop));
                stop = after;
            }
        }
        all
    }

    #[test]
    fn each_stage_is_told_once_from_the_decision_on() {
        let facts = [
            (StopEvent::Delivered, 3),
            (StopEvent::Delivered, 4),
            (StopEvent::Acknowledged, 5),
            (StopEvent::Ended(How::Killed), 231),
            (StopEvent::Ended(How::Killed), 240),
        ];
        let expected = [
            (StopStage::Delivered, 3),
            (StopStage::Signaled, 5),
            (StopStage::Stopped, 231),
        ];
        assert_eq!(measured(&facts), expected);
    }

    #[test]
    fn a_stage_that_becomes_known_after_the_end_is_told_too() {
        let facts = [
            (StopEvent::Ended(How::Finished), 20),
            (StopEvent::Acknowledged, 30),
        ];
        let measured = measured(&facts);
        let stages: Vec<StopStage> = measured.iter().map(|(stage, _)| *stage).collect();
        let expected = [
            StopStage::Stopped,
            StopStage::Delivered,
            StopStage::Signaled,
        ];
        assert_eq!(stages, expected);
    }

    #[test]
    fn a_presumed_end_is_no_end() {
        let facts = [(StopEvent::Delivered, 3), (StopEvent::WorkerGone, 30_000)];
        assert_eq!(measured(&facts), [(StopStage::Delivered, 3)]);
    }

    #[test]
    fn what_was_stuck_is_measured_when_it_ends() {
        let facts = [
            (StopEvent::Unkillable, 15_000),
            (StopEvent::Ended(How::Killed), 90_000),
        ];
        assert_eq!(measured(&facts), [(StopStage::Stopped, 90_000)]);
    }
}
