//! Stop orders: each is confirmed, kept, and carried out once.

use taskpilot_api::workers::{EvidenceBody, FencedAttempt, Order, Stage as StopStage};
use taskpilot_domain::stop::How;

use super::attempts::{Attempt, Stop};
use super::dispatcher::Dispatcher;
use super::orders::fenced;
use super::stops::StopNote;
use crate::clock::BootInstant;

impl Dispatcher {
    pub(super) fn on_order(&mut self, order: &Order) {
        let fenced = fenced(order);
        if self.attempts.is_answered(fenced) {
            // Its final report was the proof; the order crossed the answer.
            return;
        }
        let now = BootInstant::now();
        let first = self.orders.hear(fenced);
        if !first && self.stops.concerns(fenced) {
            return;
        }
        self.stops
            .push(StopNote::new(fenced, StopStage::Delivered, now));
        match self.attempts.get_mut(fenced) {
            Some(attempt) => {
                attempt.stop(Stop::ordered(order));
                self.tell_how_far(fenced, now);
            }
            None if first => {
                self.orders.wait_for_grant(fenced);
                self.settle_unmatched_orders();
                self.hasten_claim();
            }
            None => {}
        }
        tracing::info!(
            execution = order.execution_id.get(),
            attempt = order.attempt.0,
            cause = order.cause.as_str(),
            first,
            "ordered to stop"
        );
    }

    /// What had happened before the order came, for reasons of our own, is news to the scheduler.
    fn tell_how_far(&mut self, fenced: FencedAttempt, now: BootInstant) {
        let Some(attempt) = self.attempts.get_mut(fenced) else {
            return;
        };
        let (signaled_at, ignored_at) = (attempt.signaled_at, attempt.ignored_at);
        let stuck = stuck(fenced, attempt, now);
        if let Some(at) = signaled_at {
            self.stops
                .push(StopNote::new(fenced, StopStage::Acknowledged, at));
        }
        self.stops.extend(stuck);
        if let Some(at) = ignored_at {
            self.stops.push(abandoned(fenced, at));
        }
    }

    /// What the claim in flight was granted is known when it is answered, and one that waits for work
    /// could take longer than the stop may.
    fn hasten_claim(&self) {
        if self.claims.in_flight.is_some() {
            self.senders.hasten_claim.notify_one();
        }
    }

    /// With no claim in flight, an order for an unknown attempt is about a grant that never
    /// reached us: it was never started, and now never will be.
    pub(super) fn settle_unmatched_orders(&mut self) {
        if self.claims.in_flight.is_some() {
            return;
        }
        for fenced in self.orders.take_unmatched() {
            self.stops.push(StopNote {
                how: Some(How::NeverStarted),
                containment: Some(self.means.containment),
                ..StopNote::new(fenced, StopStage::Stopped, BootInstant::now())
            });
        }
    }
}

/// A function goes on beyond the grace.
pub(super) fn abandoned(fenced: FencedAttempt, at: BootInstant) -> StopNote {
    let detail = "the handler ignored its cancellation token beyond the grace".to_owned();
    StopNote {
        evidence: Some(EvidenceBody {
            detail: Some(detail),
            ..EvidenceBody::default()
        }),
        ..StopNote::new(fenced, StopStage::Abandoned, at).in_process()
    }
}

/// SIGKILL did not end all of an attempt, if that is so.
pub(super) fn stuck(fenced: FencedAttempt, attempt: &Attempt, at: BootInstant) -> Option<StopNote> {
    if attempt.survivors.is_empty() {
        return None;
    }
    let detail = format!("still alive: {:?}", attempt.survivors);
    Some(StopNote {
        containment: Some(attempt.containment),
        evidence: Some(EvidenceBody {
            detail: Some(detail),
            ..EvidenceBody::default()
        }),
        ..StopNote::new(fenced, StopStage::Stuck, at)
    })
}
