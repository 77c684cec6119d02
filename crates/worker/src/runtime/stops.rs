//! Stop reports that are still to be told.

use std::collections::VecDeque;
use std::sync::Arc;

use taskpilot_api::workers::{EvidenceBody, FencedAttempt, Stage, StopReport};
use taskpilot_domain::limits::WORKER_ITEMS_MAX;
use taskpilot_domain::stop::{Containment, How};

use crate::clock::BootInstant;

/// How far the stop of an attempt had come at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopNote {
    pub(crate) fenced: FencedAttempt,
    pub(crate) stage: Stage,
    pub(crate) how: Option<How>,
    pub(crate) at: BootInstant,
    pub(crate) containment: Option<Containment>,
    pub(crate) evidence: Option<EvidenceBody>,
}

impl StopNote {
    /// A stage that was reached at an instant.
    pub(crate) fn new(fenced: FencedAttempt, stage: Stage, at: BootInstant) -> Self {
        Self {
            fenced,
            stage,
            how: None,
            at,
            containment: None,
            evidence: None,
        }
    }

    /// The same of code inside the worker.
    pub(crate) fn in_process(mut self) -> Self {
        self.containment = Some(Containment::InProcess);
        self
    }

    /// As it is sent now.
    pub(crate) fn at(&self, now: BootInstant) -> StopReport {
        StopReport {
            execution_id: self.fenced.execution_id,
            attempt: self.fenced.attempt,
            token: self.fenced.token,
            stage: self.stage,
            how: self.how,
            ago_ms: now.ms_since(self.at),
            containment: self.containment,
            evidence: self.evidence.clone(),
        }
    }
}

/// What was not answered yet, in its order.
#[derive(Debug, Default)]
pub(crate) struct StopOutbox {
    pending: VecDeque<Arc<StopNote>>,
    in_flight: Vec<Arc<StopNote>>,
}

impl StopOutbox {
    pub(crate) fn push(&mut self, note: StopNote) {
        self.pending.push_back(Arc::new(note));
    }

    /// The same, where there is something to tell.
    pub(crate) fn extend(&mut self, note: Option<StopNote>) {
        self.pending.extend(note.map(Arc::new));
    }

    /// Whether something about this attempt is still on its way.
    pub(crate) fn concerns(&self, fenced: FencedAttempt) -> bool {
        self.all().any(|note| note.fenced == fenced)
    }

    /// The next batch, if the last one was answered and there is one.
    pub(crate) fn next_batch(&mut self) -> Option<Vec<Arc<StopNote>>> {
        if !self.in_flight.is_empty() || self.pending.is_empty() {
            return None;
        }
        let count = self.pending.len().min(WORKER_ITEMS_MAX);
        self.in_flight = self.pending.drain(..count).collect();
        Some(self.in_flight.clone())
    }

    /// The batch was answered.
    pub(crate) fn answered(&mut self) {
        self.in_flight.clear();
    }

    /// What a heartbeat carries: everything that is unanswered, as far as it fits.
    pub(crate) fn unanswered(&self) -> Vec<Arc<StopNote>> {
        self.all().take(WORKER_ITEMS_MAX).cloned().collect()
    }

    /// A heartbeat with these was answered.
    pub(crate) fn told(&mut self, told: &[Arc<StopNote>]) {
        self.pending
            .retain(|note| !told.iter().any(|other| Arc::ptr_eq(note, other)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.in_flight.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<StopNote>> {
        self.in_flight.iter().chain(&self.pending)
    }
}
