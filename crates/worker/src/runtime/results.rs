//! Hand-ins that are still to be answered: they go out in batches, with claims or by themselves.

use std::collections::VecDeque;
use std::sync::Arc;

use taskpilot_domain::limits::WORKER_ITEMS_MAX;

use super::drafts::Draft;
use super::messages::Batch;
use crate::limits::HAND_INS_BYTES_MAX;

/// The hand-ins that wait, and the batch that is on its way by itself.
#[derive(Debug, Default)]
pub(crate) struct ResultOutbox {
    pending: VecDeque<Arc<Draft>>,
    in_flight: Option<Batch>,
    /// Something was refused: until all is through, each goes alone, so that it harms no other.
    singly: bool,
}

impl ResultOutbox {
    pub(crate) fn push(&mut self, draft: Draft) {
        self.pending.push_back(Arc::new(draft));
    }

    /// What travels with a claim: nothing while a refused one is looked for.
    pub(crate) fn for_claim(&mut self) -> Batch {
        if self.singly { Vec::new() } else { self.take() }
    }

    /// The next batch to go by itself, if the last one was answered and there is one.
    pub(crate) fn next_batch(&mut self) -> Option<Batch> {
        if self.in_flight.is_some() || self.pending.is_empty() {
            return None;
        }
        let batch = self.take();
        self.in_flight = Some(batch.clone());
        Some(batch)
    }

    /// The batch that went by itself was answered.
    pub(crate) fn answered(&mut self) -> Batch {
        let batch = self.in_flight.take().unwrap_or_default();
        self.singly &= !self.pending.is_empty();
        batch
    }

    /// The batch that went by itself was refused: it is tried one by one, and the one that is
    /// refused alone goes bare. Answers what is refused even so, and is given up.
    pub(crate) fn refused(&mut self) -> Batch {
        let batch = self.in_flight.take().unwrap_or_default();
        self.singly = true;
        match batch.as_slice() {
            [alone] if alone.is_bare() => return batch,
            [alone] => self.pending.push_front(Arc::new(alone.bare())),
            _ => self.put_back(batch),
        }
        Vec::new()
    }

    /// A claim that carried these was refused or given up. To send them again is safe.
    pub(crate) fn put_back(&mut self, batch: Batch) {
        for draft in batch.into_iter().rev() {
            self.pending.push_front(draft);
        }
    }

    /// From now on each goes alone.
    pub(crate) fn suspect(&mut self) {
        self.singly = true;
    }

    /// Whether every hand-in that was pushed is answered, but for those with a claim.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.in_flight.is_none()
    }

    /// How many are not answered.
    pub(crate) fn unanswered_count(&self) -> u32 {
        u32::try_from(self.unanswered().count()).unwrap_or(u32::MAX)
    }

    /// Everything that is not answered.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &Arc<Draft>> {
        self.in_flight.iter().flatten().chain(&self.pending)
    }

    fn take(&mut self) -> Batch {
        let max = if self.singly { 1 } else { WORKER_ITEMS_MAX };
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(draft) = self.pending.front() {
            bytes += draft.bytes();
            if batch.len() >= max || (bytes > HAND_INS_BYTES_MAX && !batch.is_empty()) {
                break;
            }
            batch.extend(self.pending.pop_front());
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_api::json::JsonText;
    use taskpilot_api::workers::{FencedAttempt, HandInOutcome};
    use taskpilot_domain::ids::{AttemptNumber, ExecutionId, Token};

    use super::*;

    fn draft(execution: i64, bytes: usize) -> Draft {
        let fenced = FencedAttempt {
            execution_id: ExecutionId::new(execution).unwrap(),
            attempt: AttemptNumber(1),
            token: Token::from_bytes([1; 16]),
        };
        let result = JsonText::of(&"x".repeat(bytes)).unwrap();
        Draft::new(fenced, HandInOutcome::Succeeded).result(result)
    }

    fn names(batch: &Batch) -> Vec<i64> {
        batch
            .iter()
            .map(|draft| draft.fenced().execution_id.get())
            .collect()
    }

    fn outbox(drafts: impl IntoIterator<Item = Draft>) -> ResultOutbox {
        let mut outbox = ResultOutbox::default();
        drafts.into_iter().for_each(|draft| outbox.push(draft));
        outbox
    }

    #[test]
    fn a_batch_fits_a_body_and_one_that_is_large_goes_alone() {
        let kib = 1024;
        let mut outbox = outbox([
            draft(1, 240 * kib),
            draft(2, 240 * kib),
            draft(3, 240 * kib),
            draft(4, 240 * kib),
            draft(5, 1),
        ]);
        assert_eq!(names(&outbox.next_batch().unwrap()), [1, 2, 3]);
        assert_eq!(outbox.next_batch(), None, "one batch at a time");
        outbox.answered();
        assert_eq!(names(&outbox.next_batch().unwrap()), [4, 5]);
        outbox.answered();
        assert!(outbox.is_empty());
    }

    #[test]
    fn the_refused_one_is_found_goes_bare_and_is_given_up_at_last() {
        let mut outbox = outbox([draft(1, 1), draft(2, 1)]);
        outbox.next_batch();
        assert_eq!(names(&outbox.refused()), [0; 0]);
        assert_eq!(
            names(&outbox.for_claim()),
            [0; 0],
            "no claim is put at risk"
        );
        assert_eq!(names(&outbox.next_batch().unwrap()), [1]);
        assert_eq!(names(&outbox.refused()), [0; 0]);
        let bare = outbox.next_batch().unwrap();
        assert!(names(&bare) == [1] && bare[0].is_bare());
        assert_eq!(names(&outbox.refused()), [1], "it is given up");
        assert_eq!(names(&outbox.next_batch().unwrap()), [2]);
        outbox.answered();
        outbox.push(draft(3, 1));
        assert_eq!(names(&outbox.for_claim()), [3], "all is through");
    }

    #[test]
    fn what_is_put_back_keeps_its_place() {
        let mut outbox = outbox([draft(1, 1), draft(2, 1)]);
        let claimed = outbox.for_claim();
        outbox.push(draft(3, 1));
        outbox.put_back(claimed);
        assert_eq!(outbox.unanswered_count(), 3);
        assert_eq!(names(&outbox.for_claim()), [1, 2, 3]);
    }
}
