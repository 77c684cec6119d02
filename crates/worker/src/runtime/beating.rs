//! Heartbeats: what they say, and what their answers change.

use super::attempts::{Stop, Why};
use super::dispatcher::Dispatcher;
use super::messages::{Beat, Beaten};
use crate::limits::LOST_GRACE_MS;

impl Dispatcher {
    /// What is held and which claims are answered are read in one turn: nothing that was granted
    /// can be missing from one that names its claim.
    pub(super) fn beat(&self) -> Beat {
        Beat {
            held: self.attempts.held(),
            claim_seq: self.claims.answered,
            stops: self.stops.unanswered(),
            progress: self.attempts.words(),
        }
    }

    pub(super) fn on_beaten(&mut self, beaten: Beaten) {
        let Beaten {
            sent_at,
            beat,
            answer,
        } = beaten;
        self.extend_lease(sent_at.plus_ms(answer.remaining_ms));
        self.stops.told(&beat.stops);
        self.attempts.told(&beat.progress);
        self.claims.to_close.take_if(|seq| *seq <= beat.claim_seq);
        for order in &answer.orders {
            self.on_order(order);
        }
        for named in answer.lost {
            let Some(fenced) = self.attempts.find(named) else {
                continue;
            };
            let Some(attempt) = self.attempts.get_mut(fenced) else {
                continue;
            };
            // One that has ended is on its way to its verdict.
            if attempt.is_live() && !attempt.is_lost() {
                tracing::warn!(
                    execution = named.execution_id.get(),
                    attempt = named.attempt.0,
                    "the lease of an attempt is lost"
                );
                attempt.stop(Stop::new(Why::Lost, LOST_GRACE_MS));
            }
        }
        for (_, attempt) in self.attempts.each_mut() {
            attempt.press();
        }
    }
}
