//! Latencies, derived from stamps and never stored.

use crate::time::Timestamp;

/// The stamps of an execution from which its latencies follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// When it was due.
    pub scheduled_for: Timestamp,
    /// The claim of its first counted attempt.
    pub processing_started_at: Option<Timestamp>,
    /// Its verdict.
    pub completed_at: Option<Timestamp>,
}

/// Milliseconds; `None` while a stamp is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latencies {
    /// Due to first claim.
    pub queue_ms: Option<u64>,
    /// First claim to verdict.
    pub processing_ms: Option<u64>,
    /// Due to verdict; `None` for what ended before it was due.
    pub end_to_end_ms: Option<u64>,
}

impl Stamps {
    /// The latencies that these stamps tell; none is ever negative.
    pub fn latencies(&self) -> Latencies {
        let started = self.processing_started_at;
        let completed = self.completed_at;
        Latencies {
            queue_ms: started.map(|at| at.ms_since(self.scheduled_for)),
            processing_ms: completed
                .zip(started)
                .map(|(end, start)| end.ms_since(start)),
            end_to_end_ms: completed
                .filter(|end| *end >= self.scheduled_for)
                .map(|end| end.ms_since(self.scheduled_for)),
        }
    }
}
