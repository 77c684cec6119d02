//! Sessions and their leases, and the one form of states that differ only in names.

use super::message::{Fences, Message, Session, WorkerIndex};
use super::scheduler::SessionRow;
use super::worker::{Life, Worker};
use super::world::{TaskPilot, World};

impl World {
    /// A worker introduces itself; its call is answered at once.
    pub(super) fn register(&mut self, worker: WorkerIndex) {
        *self.scheduler.session_mut(Session::present(worker)) = SessionRow::Live {
            has_lapsed: false,
            seq: None,
        };
    }

    /// Whether the life before the last one of a worker is over and forgotten.
    pub(super) fn may_begin_again(&self, worker: WorkerIndex) -> bool {
        self.scheduler.session(Session::old(worker)) == SessionRow::Unknown
    }

    /// A worker begins anew. What its life before left has been ended, as far as that can be; and
    /// the session of that life is said goodbye to.
    pub(super) fn begin_again(&mut self, model: &TaskPilot, worker: WorkerIndex) {
        let (present, old) = (Session::present(worker), Session::old(worker));
        // Answers go with the connections that waited for them.
        self.network
            .retain(|message| message.session() != Some(present) || !message.is_for_a_worker());
        self.network.rename(|message| {
            if let Some(session) = message.session_mut()
                && *session == present
            {
                *session = old;
            }
        });
        for execution in &mut self.scheduler.executions {
            for attempt in &mut execution.attempts {
                if let Some((holder, _)) = &mut attempt.holder
                    && *holder == present
                {
                    *holder = old;
                }
            }
        }
        *self.scheduler.session_mut(old) = self.scheduler.session(present);
        let before = std::mem::take(self.worker_mut(worker));
        let crashed = before.life == Life::Down;
        // A function that ignores its end outlives the session that it was granted to.
        let orphans = if crashed {
            before.orphans
        } else {
            before.orphans.with(before.running())
        };
        *self.worker_mut(worker) = Worker {
            orphans,
            ..Worker::default()
        };
        self.register(worker);
        if crashed {
            let never_started = Fences::default();
            let session = old;
            let goodbye = Message::Goodbye {
                session,
                never_started,
            };
            self.send(model, goodbye);
        }
    }

    /// Brings states that differ only in names, or in what nobody asks for any more, to one form.
    pub(super) fn settle(&mut self) {
        for execution in &mut self.scheduler.executions {
            for attempt in &mut execution.attempts {
                if !attempt.is_open() {
                    attempt.holder = None;
                }
            }
        }
        for worker in (0..).take(self.workers.len()) {
            self.forget_what_is_over(worker);
            let (present, old) = (Session::present(worker), Session::old(worker));
            if !self.is_spoken_of(old) {
                *self.scheduler.session_mut(old) = SessionRow::Unknown;
            }
            if !self.is_busy(worker) {
                *self.worker_mut(worker) = Worker::default();
                self.register(worker);
            }
            self.number_claims(present);
            self.number_claims(old);
        }
    }

    /// Whether anything can still happen under a session.
    fn is_spoken_of(&self, session: Session) -> bool {
        let is_heard = self
            .network
            .iter()
            .any(|one| one.session() == Some(session));
        is_heard || !self.scheduler.open_of(session).is_empty()
    }

    /// Whether there is anything that a crash of a worker, or the end of its lease, could disturb.
    /// A worker of which nothing holds and nobody speaks may as well have begun just now.
    pub(super) fn is_busy(&self, worker: WorkerIndex) -> bool {
        let known = self.worker(worker);
        let holds = !known.held.is_empty() || !known.alive().is_empty();
        holds || self.is_spoken_of(Session::present(worker))
    }

    /// What a worker remembers of an attempt that is over, and of which nobody speaks any more.
    fn forget_what_is_over(&mut self, worker: WorkerIndex) {
        let known = self.worker(worker);
        let remembered = known.heard.with(known.never).with(known.done);
        for fence in remembered.iter() {
            let is_over = self
                .scheduler
                .attempt(fence)
                .is_none_or(|one| !one.is_open());
            let mut messages = self.network.iter();
            let is_heard = messages.any(|one| one.fence() == Some(fence));
            let known = self.worker_mut(worker);
            if is_over && !is_heard && known.find(fence).is_none() {
                for set in [
                    &mut known.heard,
                    &mut known.unmatched,
                    &mut known.never,
                    &mut known.done,
                ] {
                    set.remove(fence);
                }
            }
        }
    }

    /// Numbers the claims of a session from nought without gaps: only their order matters.
    fn number_claims(&mut self, session: Session) {
        let mut used = 0_u32;
        self.each_claim(session, |seq| used |= 1 << *seq);
        self.each_claim(session, |seq| {
            let below = used & ((1 << *seq) - 1);
            *seq = u8::try_from(below.count_ones()).expect("invariant: 32 bits");
        });
    }

    fn each_claim(&mut self, session: Session, mut change: impl FnMut(&mut u8)) {
        if let SessionRow::Live { seq: Some(seq), .. } = self.scheduler.session_mut(session) {
            change(seq);
        }
        for execution in &mut self.scheduler.executions {
            for attempt in &mut execution.attempts {
                if let Some((holder, seq)) = &mut attempt.holder
                    && *holder == session
                {
                    change(seq);
                }
            }
        }
        self.network.rename(|message| {
            if message.session() == Some(session)
                && let Some(seq) = message.seq_mut()
            {
                change(seq);
            }
        });
        if !session.is_old {
            let claims = &mut self.worker_mut(session.worker).claims;
            change(&mut claims.last);
            change(&mut claims.answered);
        }
    }
}
