//! The owner of a session's truth. One message after the other; nothing here waits for anybody.
//!
//! The look for an order and the fork happen in one turn of this task, so no order falls between
//! them.

use std::sync::Arc;

use taskpilot_api::workers::{FencedAttempt, Registered, Starts};
use taskpilot_domain::stop::Containment;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::attempts::Attempts;
use super::claiming::Claims;
use super::closing::{Schedule, Stage};
use super::feeding::Feeding;
use super::messages::{Batch, Message};
use super::orders::Orders;
use super::results::ResultOutbox;
use super::slots::Slots;
use super::starts::StartOutbox;
use super::stops::{StopNote, StopOutbox};
use crate::clock::{BootInstant, pause};
use crate::handlers::Handlers;
use crate::supervised::Supervision;

/// What a worker has for all its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub(crate) handlers: Handlers,
    pub(crate) supervision: Supervision,
    /// What encloses its programs, as far as it is known before they start.
    pub(crate) containment: Containment,
    pub(crate) slots: Slots,
    pub(crate) drain_ms: u64,
    /// Once it is canceled, an orderly end gives what runs no more time to end by itself.
    pub(crate) haste: CancellationToken,
}

/// The ways to the loops that send. Each takes one thing at a time.
#[derive(Debug)]
pub(crate) struct Senders {
    pub(crate) claims: mpsc::Sender<super::claim_loop::ClaimOrder>,
    pub(crate) results: mpsc::Sender<Batch>,
    pub(crate) stops: mpsc::Sender<Vec<Arc<StopNote>>>,
    pub(crate) starts: mpsc::Sender<Starts>,
    pub(crate) beat_now: Arc<Notify>,
    pub(crate) hasten_claim: Arc<Notify>,
    pub(crate) end_claims: CancellationToken,
}

/// One session.
pub(crate) struct Dispatcher {
    pub(super) means: Means,
    pub(super) session: Arc<Registered>,
    pub(super) senders: Senders,
    pub(super) to_self: mpsc::Sender<Message>,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) attempts: Attempts,
    pub(super) orders: Orders,
    pub(super) results: ResultOutbox,
    pub(super) stops: StopOutbox,
    pub(super) starts: StartOutbox,
    pub(super) claims: Claims,
    pub(super) stage: Stage,
    /// Of the orderly end, once it is asked for.
    pub(super) schedule: Option<Schedule>,
    pub(super) lease_end: BootInstant,
    pub(super) feeding: Feeding,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Over {
    /// The scheduler has ended it.
    Dead,
    /// The worker shall end.
    Shutdown {
        /// What was granted and never begun, and is not yet handed back.
        never_started: Vec<FencedAttempt>,
        /// Whether nothing is left of anything.
        all_ended: bool,
        /// The end of the time for the goodbye.
        until: BootInstant,
    },
}

impl Dispatcher {
    /// Lives until the session is over.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Over {
        let haste = self.means.haste.clone();
        loop {
            self.pump();
            let now = BootInstant::now();
            self.feed(now);
            if let Some(over) = self.advance(now) {
                return over;
            }
            let deadlines = [self.stage.deadline(), self.feeding.due()];
            let deadline = deadlines.into_iter().flatten().min();
            tokio::select! {
                message = self.inbox.recv() => {
                    self.on(message.expect("invariant: we hold a sender"));
                }
                () = shutdown.cancelled(), if self.schedule.is_none() => self.drain(),
                () = haste.cancelled(), if self.is_draining() => self.hasten(),
                () = pause_until(deadline), if deadline.is_some() => {}
            }
        }
    }

    /// Gives every sender that is free what there is for it.
    fn pump(&mut self) {
        self.pump_claims();
        if let Some(batch) = self.results.next_batch() {
            hand_over(&self.senders.results, batch);
        }
        if let Some(batch) = self.starts.next_batch() {
            hand_over(&self.senders.starts, batch);
        }
        if let Some(batch) = self.stops.next_batch() {
            hand_over(&self.senders.stops, batch);
        }
    }

    fn on(&mut self, message: Message) {
        match message {
            Message::Claimed(claimed) => self.on_claimed(claimed),
            // The asker may have gone meanwhile.
            Message::BeatDue(reply) => drop(reply.send(self.beat())),
            Message::Beaten(beaten) => self.on_beaten(*beaten),
            Message::Ordered(order) => self.on_order(&order),
            Message::StartsAnswered(answered) => self.on_starts_answered(answered),
            Message::StopsAnswered => self.stops.answered(),
            Message::ResultsAnswered(verdicts) => self.on_results_answered(verdicts.as_deref()),
            Message::SessionGone => self.on_session_gone(),
            Message::Attempt(fenced, step, slot) => {
                self.on_step(fenced, step);
                drop(slot);
            }
        }
    }
}

/// Each sender is given something only after it answered for what it had before.
pub(super) fn hand_over<T>(sender: &mpsc::Sender<T>, thing: T) {
    if sender.try_send(thing).is_err() {
        tracing::debug!("a loop of the session has ended");
    }
}

async fn pause_until(deadline: Option<BootInstant>) {
    if let Some(deadline) = deadline {
        pause(deadline.ms_since(BootInstant::now())).await;
    }
}
