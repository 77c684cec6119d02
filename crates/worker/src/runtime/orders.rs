//! The orders of a session, kept to its end: one may be there before the grant that it is about.

use std::collections::{HashSet, VecDeque};

use taskpilot_api::workers::{FencedAttempt, Order};

use crate::limits::ORDERS_MAX;

/// All orders that were heard, and those whose attempt is not known yet.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    heard: HashSet<FencedAttempt>,
    ages: VecDeque<FencedAttempt>,
    unmatched: Vec<FencedAttempt>,
}

/// Which attempt an order is about.
pub(crate) fn fenced(order: &Order) -> FencedAttempt {
    FencedAttempt {
        execution_id: order.execution_id,
        attempt: order.attempt,
        token: order.token,
    }
}

impl Orders {
    /// Keeps an order; says whether it is the first for its attempt.
    pub(crate) fn hear(&mut self, fenced: FencedAttempt) -> bool {
        let first = self.heard.insert(fenced);
        if first {
            self.ages.push_back(fenced);
            if self.ages.len() > ORDERS_MAX {
                self.ages
                    .pop_front()
                    .map(|oldest| self.heard.remove(&oldest));
            }
        }
        first
    }

    /// Whether this attempt shall not start.
    pub(crate) fn contains(&self, fenced: FencedAttempt) -> bool {
        self.heard.contains(&fenced)
    }

    /// The attempt is not known: its grant may be on its way.
    pub(crate) fn wait_for_grant(&mut self, fenced: FencedAttempt) {
        self.unmatched.push(fenced);
    }

    /// The attempt was granted.
    pub(crate) fn matched(&mut self, fenced: FencedAttempt) {
        self.unmatched.retain(|waiting| *waiting != fenced);
    }

    /// Every claim is answered: what is unmatched now was never granted to us, and never will be.
    pub(crate) fn take_unmatched(&mut self) -> Vec<FencedAttempt> {
        std::mem::take(&mut self.unmatched)
    }
}
