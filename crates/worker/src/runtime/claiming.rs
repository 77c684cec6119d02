//! Claims and grants: what is asked for, and what becomes of what was given.

use std::sync::Arc;

use taskpilot_api::workers::{ClaimAnswer, Grant, Verdict};

use super::attempt_loop::{self, Job};
use super::attempts::Attempt;
use super::claim_loop::ClaimOrder;
use super::closing::Stage;
use super::dispatcher::{Dispatcher, hand_over};
use super::drafts::Draft;
use super::messages::{Batch, Claimed};
use crate::clock::BootInstant;
use crate::limits::GRANTS_MAX;

/// Where the claims of a session stand.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// The number of the last claim that was made.
    pub(super) last: u64,
    /// The number of the last claim whose answer arrived, or will not be waited for.
    pub(super) answered: u64,
    /// The hand-ins of the claim in flight, if one is.
    pub(super) in_flight: Option<Batch>,
    /// The number up to which the next heartbeat shall say that nothing is waited for.
    pub(super) to_close: Option<u64>,
}

impl Dispatcher {
    /// Claims if no claim is in flight and a slot is free. For the scheduler a slot is free with
    /// the hand-in: one that is on its way by itself may arrive behind the claim, which would then
    /// wait for room without being woken.
    pub(super) fn pump_claims(&mut self) {
        if self.stage != Stage::Serving || self.claims.in_flight.is_some() {
            return;
        }
        let hand_ins = self.results.for_claim();
        let free = self.means.slots.free();
        let free = free.saturating_sub(self.results.unanswered_count());
        if free == 0 {
            return self.results.put_back(hand_ins);
        }
        self.claims.last += 1;
        self.claims.in_flight = Some(hand_ins.clone());
        let claim = ClaimOrder {
            seq: self.claims.last,
            max: free.min(GRANTS_MAX),
            hand_ins,
        };
        hand_over(&self.senders.claims, claim);
    }

    pub(super) fn on_claimed(&mut self, claimed: Claimed) {
        // A claim that was given up may have been answered in the same moment.
        let hand_ins = self.claims.in_flight.take().unwrap_or_default();
        self.claims.answered = self.claims.last;
        match claimed {
            Claimed::Served { asked_at, answer } => self.on_served(&hand_ins, asked_at, answer),
            Claimed::Refused => {
                self.results.suspect();
                self.results.put_back(hand_ins);
            }
        }
        self.settle_unmatched_orders();
    }

    fn on_served(&mut self, hand_ins: &[Arc<Draft>], asked_at: BootInstant, answer: ClaimAnswer) {
        self.extend_lease(asked_at.plus_ms(answer.remaining_ms));
        self.settle(hand_ins, &answer.verdicts);
        for grant in answer.grants {
            self.on_grant(grant);
        }
    }

    /// Hand-ins were answered: whatever the verdict, their attempts are held no more.
    pub(super) fn settle(&mut self, batch: &[Arc<Draft>], verdicts: &[Verdict]) {
        for (index, draft) in batch.iter().enumerate() {
            let fenced = draft.fenced();
            tracing::debug!(
                execution = fenced.execution_id.get(),
                attempt = fenced.attempt.0,
                outcome = ?draft.outcome(),
                verdict = verdicts.get(index).map_or("none", |given| given.verdict.as_str()),
                "handed in"
            );
            self.attempts.settle(fenced);
        }
    }

    pub(super) fn on_results_answered(&mut self, verdicts: Option<&[Verdict]>) {
        let batch = match verdicts {
            Some(_) => self.results.answered(),
            None => self.results.refused(),
        };
        self.settle(&batch, verdicts.unwrap_or_default());
    }

    fn on_grant(&mut self, grant: Grant) {
        let fenced = grant.fenced();
        if self.attempts.contains(fenced) {
            return;
        }
        let handler = match self.means.handlers.for_grant(&grant) {
            Ok(handler) => handler,
            Err(failure) => return self.results.push(Draft::failed(fenced, failure)),
        };
        let grace_ms = handler.grace_ms().unwrap_or(grant.cancel_grace_ms);
        let mut attempt = Attempt::new(handler.clone(), grace_ms);
        attempt.confirms_start = self.means.handlers.confirms_start(&grant);
        let confirms_start = attempt.confirms_start;
        let progress = attempt.progress.clone();
        self.attempts.insert(fenced, attempt);
        if self.orders.contains(fenced) || self.stage != Stage::Serving {
            self.orders.matched(fenced);
            return self.end(fenced, Draft::never_started(fenced));
        }
        let job = Job {
            fenced,
            grant,
            handler,
            supervision: self.means.supervision.clone(),
            lease_ms: self.session.lease_ms,
            lease_end: self.lease_end,
            grace_ms,
            confirms_start,
            progress,
            slot: self.means.slots.take(),
        };
        tokio::spawn(attempt_loop::run(job, self.to_self.clone()));
    }

    /// Ends the claims, also the one in flight. What it may have been granted is released by a
    /// heartbeat that says that its answer is not waited for.
    pub(super) fn end_claims(&mut self) {
        self.senders.end_claims.cancel();
        if let Some(hand_ins) = self.claims.in_flight.take() {
            self.claims.answered = self.claims.last;
            self.results.put_back(hand_ins);
            self.settle_unmatched_orders();
        }
    }
}
