//! Latencies, counted by bucket.

use std::collections::BTreeMap;

use taskpilot_domain::histogram::{Bucket, Histogram};
use taskpilot_domain::names::{Namespace, TaskType};
use taskpilot_domain::stop::StopStage;
use taskpilot_domain::time::Timestamp;

/// Of what, and of which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyFilter {
    /// From the minute of this instant on.
    pub since: Timestamp,
    /// To the minute of this instant, with it.
    pub until: Timestamp,
    /// Only this type.
    pub kind: Option<TaskType>,
}

impl LatencyFilter {
    /// The first minute since 1970, and the one behind the last.
    pub fn minutes(&self) -> (i64, i64) {
        (self.since.minute(), self.until.minute().saturating_add(1))
    }
}

/// So many stops of a type came to a stage in so much time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopLatency {
    /// The type.
    pub kind: TaskType,
    /// The stage, from the decision on.
    pub stage: StopStage,
    /// About how long it took, in milliseconds.
    pub bucket: Bucket,
    /// How many.
    pub count: u64,
}

/// The stops of a type of a namespace since ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopTotal {
    /// Whose and which; `None`: all those together that came after so many as were asked for.
    pub of: Option<(Namespace, TaskType)>,
    /// How long it took until each stage, in milliseconds from the decision on.
    pub stages: BTreeMap<StopStage, Histogram>,
}
