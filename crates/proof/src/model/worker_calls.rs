//! What a worker does with what it hears, and by itself.

use super::actions::WorkerStep;
use super::bounds::Topic;
use super::message::{
    Fence, Fences, Message, Outcome, Session, Stage, WorkerIndex, runs_functions,
};
use super::mutation::Mutation;
use super::worker::{Held, Life, Phase, Worker};
use super::world::{TaskPilot, World};

impl World {
    /// Takes a message that is for a worker. One that is down, or has another session, is not there.
    pub(super) fn hear(&mut self, message: Message) {
        let Some(session) = message.session().filter(|session| !session.is_old) else {
            return;
        };
        let worker = self.worker_mut(session.worker);
        if worker.life == Life::Down {
            return;
        }
        match message {
            Message::Granted { seq, fence, .. } => worker.on_granted(seq, fence),
            Message::HandedIn { fence, .. } => worker.on_handed_in(fence),
            Message::Order { fence, .. } => worker.on_order(fence),
            Message::Started { fence, ok, .. } => worker.on_started(fence, ok),
            Message::Create { .. }
            | Message::Created { .. }
            | Message::Refused { .. }
            | Message::CancelKey { .. }
            | Message::KeyCanceled { .. }
            | Message::Cancel { .. }
            | Message::Canceled { .. }
            | Message::Claim { .. }
            | Message::HandIn { .. }
            | Message::Report { .. }
            | Message::Beat { .. }
            | Message::Goodbye { .. }
            | Message::Start { .. }
            | Message::Join => unreachable!("invariant: it is not for a worker"),
        }
    }

    /// Does one step of a worker's own.
    pub(super) fn work(&mut self, model: &TaskPilot, index: WorkerIndex, step: WorkerStep) {
        let session = Session::present(index);
        let worker = self.worker_mut(index);
        let message = match step {
            WorkerStep::Claim => Message::Claim {
                session,
                seq: worker.claim(),
            },
            WorkerStep::Beat => Message::Beat {
                session,
                answered: worker.claims.answered,
                held: worker.holding(),
            },
            WorkerStep::HandIn(fence, outcome) => Message::HandIn {
                session,
                fence,
                outcome,
            },
            WorkerStep::Report(fence, stage) => Message::Report {
                session,
                fence,
                stage,
            },
            WorkerStep::AskToStart(fence) => Message::Start { session, fence },
            WorkerStep::Leave => return worker.leave(),
            WorkerStep::SayGoodbye => {
                let never_started = if model.breaks(Mutation::GivesBackWhatRuns) {
                    worker.holding()
                } else {
                    worker.never_started()
                };
                worker.crash(index);
                Message::Goodbye {
                    session,
                    never_started,
                }
            }
            WorkerStep::Start(fence) => {
                return worker.change(fence, |one| one.phase = Phase::Running);
            }
            WorkerStep::Finish(fence, outcome) => {
                return worker.change(fence, |one| one.end(outcome));
            }
            WorkerStep::Signal(fence) => {
                return worker.change(fence, |one| one.is_signaled = true);
            }
            WorkerStep::GoOn(fence) => return worker.change(fence, |one| one.goes_on = true),
            WorkerStep::OrphanEnds(fence) => return worker.orphans.remove(fence),
            WorkerStep::Lapse => return worker.lapse(index),
            WorkerStep::Renew => {
                worker.has_lapsed = false;
                return;
            }
            WorkerStep::HearOfItsEnd => return worker.on_session_gone(index),
            WorkerStep::Crash => return worker.crash(index),
            WorkerStep::BeginAgain => return self.begin_again(model, index),
        };
        self.send(model, message);
    }
}

impl Worker {
    /// What it can do by itself.
    pub(super) fn steps(&self, model: &TaskPilot, index: WorkerIndex, steps: &mut Vec<WorkerStep>) {
        steps.extend(self.orphans.iter().map(WorkerStep::OrphanEnds));
        match self.life {
            Life::Up => self.steps_of_the_living(model, index, steps),
            Life::Leaving => {
                self.steps_of_the_living(model, index, steps);
                let may_go = model.breaks(Mutation::GivesBackWhatRuns);
                if may_go || self.running().is_empty() {
                    steps.push(WorkerStep::SayGoodbye);
                }
            }
            Life::Dead | Life::Down => {
                // What a life before left is ended first, as far as it can be killed.
                if runs_functions(index) || self.alive().is_empty() {
                    steps.push(WorkerStep::BeginAgain);
                }
                for one in &self.held {
                    self.steps_of(model, index, *one, steps);
                }
            }
        }
    }

    fn steps_of_the_living(
        &self,
        model: &TaskPilot,
        index: WorkerIndex,
        steps: &mut Vec<WorkerStep>,
    ) {
        if self.held.is_empty() && self.life == Life::Up {
            steps.push(WorkerStep::Claim);
        }
        for one in &self.held {
            self.steps_of(model, index, *one, steps);
        }
        let settled = |fence: &Fence| !self.done.contains(*fence);
        for fence in self.heard.iter().filter(settled) {
            steps.push(WorkerStep::Report(fence, Stage::Delivered));
        }
        for fence in self.never.iter() {
            steps.push(WorkerStep::Report(fence, Stage::NeverStarted));
        }
    }

    fn steps_of(
        &self,
        model: &TaskPilot,
        index: WorkerIndex,
        one: Held,
        steps: &mut Vec<WorkerStep>,
    ) {
        let fence = one.fence;
        match one.phase {
            Phase::Preparing | Phase::Allowed if self.has_lapsed => {}
            Phase::Preparing
                if model.bounds.topic == Topic::Starts
                    && !model.breaks(Mutation::BeginsUnasked) =>
            {
                steps.push(WorkerStep::AskToStart(fence));
            }
            Phase::Preparing | Phase::Allowed => steps.push(WorkerStep::Start(fence)),
            Phase::Running => {
                steps.push(WorkerStep::Finish(fence, Outcome::Succeeded));
                steps.push(WorkerStep::Finish(fence, Outcome::Failed));
                if one.is_ordered && !one.is_signaled {
                    steps.push(WorkerStep::Signal(fence));
                }
                if one.is_signaled || self.life == Life::Leaving {
                    steps.push(WorkerStep::Finish(fence, Outcome::Interrupted));
                }
                if one.is_signaled && !one.goes_on {
                    steps.push(WorkerStep::GoOn(fence));
                }
            }
            Phase::Ended(outcome) => steps.push(WorkerStep::HandIn(fence, outcome)),
        }
        if one.is_signaled {
            steps.push(WorkerStep::Report(fence, Stage::Acknowledged));
            if model.breaks(Mutation::ProvesBeforeTheEnd) {
                steps.push(WorkerStep::Report(fence, Stage::Stopped));
            }
        }
        if one.goes_on {
            let stage = if runs_functions(index) {
                Stage::GaveUp
            } else {
                Stage::Unkillable
            };
            steps.push(WorkerStep::Report(fence, stage));
        }
    }

    /// One claim is in flight; its repeats have its number.
    fn claim(&mut self) -> u8 {
        if !self.claims.in_flight {
            self.claims.last += 1;
            self.claims.in_flight = true;
        }
        self.claims.last
    }

    fn on_granted(&mut self, seq: u8, fence: Option<Fence>) {
        // An answer to a call that is over is heard by nobody.
        if !self.claims.in_flight || seq != self.claims.last || self.life != Life::Up {
            return;
        }
        self.claims.in_flight = false;
        self.claims.answered = self.claims.last;
        if let Some(fence) = fence
            && self.find(fence).is_none()
            && !self.done.contains(fence)
        {
            let mut held = Held::granted(fence, self.heard.contains(fence));
            if self.has_lapsed {
                held.kill();
            }
            self.held.push(held);
            self.held.sort_unstable_by_key(|one| one.fence);
            self.unmatched.remove(fence);
        }
        self.settle_unmatched();
    }

    /// Only a clear word lets it begin, and only what was not stopped meanwhile.
    fn on_started(&mut self, fence: Fence, ok: bool) {
        self.change(fence, |one| {
            if one.phase == Phase::Preparing {
                if ok {
                    one.phase = Phase::Allowed;
                } else {
                    one.end(Outcome::Released);
                }
            }
        });
    }

    /// No new work, and nothing that did not begin.
    fn leave(&mut self) {
        self.life = Life::Leaving;
        if std::mem::take(&mut self.claims.in_flight) {
            self.claims.answered = self.claims.last;
            self.settle_unmatched();
        }
        for one in &mut self.held {
            if one.phase != Phase::Running {
                one.kill();
            }
        }
    }

    fn on_order(&mut self, fence: Fence) {
        if self.done.contains(fence) {
            return;
        }
        let first = !self.heard.contains(fence);
        self.heard.insert(fence);
        if self.find(fence).is_some() {
            self.change(fence, Held::order);
        } else if first {
            self.unmatched.insert(fence);
            self.settle_unmatched();
        }
    }

    /// With no claim in flight, an order for an unknown attempt is about a grant that never came.
    fn settle_unmatched(&mut self) {
        if !self.claims.in_flight {
            self.never = self.never.with(self.unmatched.take());
        }
    }

    fn on_handed_in(&mut self, fence: Fence) {
        if self
            .find(fence)
            .is_some_and(|one| matches!(one.phase, Phase::Ended(_)))
        {
            self.held.retain(|one| one.fence != fence);
            self.done.insert(fence);
        }
    }

    fn change(&mut self, fence: Fence, change: impl FnOnce(&mut Held)) {
        if let Some(one) = self.held.iter_mut().find(|one| one.fence == fence) {
            change(one);
        }
    }

    /// Nothing that can be killed outlives the lease: neither here nor under a supervisor alone.
    fn lapse(&mut self, index: WorkerIndex) {
        self.has_lapsed = true;
        if !runs_functions(index) {
            self.held.iter_mut().for_each(Held::kill);
            self.orphans.take();
        }
    }

    fn on_session_gone(&mut self, index: WorkerIndex) {
        self.life = Life::Dead;
        for one in &mut self.held {
            if one.phase != Phase::Running || !runs_functions(index) {
                one.kill();
            }
        }
    }

    /// Memory is gone, and functions with it. Processes have their supervisors.
    fn crash(&mut self, index: WorkerIndex) {
        let orphans = if runs_functions(index) {
            Fences::default()
        } else {
            self.alive()
        };
        *self = Self {
            life: Life::Down,
            has_lapsed: self.has_lapsed,
            orphans,
            ..Self::default()
        };
    }
}
