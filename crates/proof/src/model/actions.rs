//! What can happen next.

use taskpilot_domain::execution::{Event, State};
use taskpilot_domain::stop::{CancelCause, StopEvent};

use super::bounds::Topic;
use super::control::Wish;
use super::message::{Fence, Fences, Message, Outcome, Session, Stage, WorkerIndex};
use super::mutation::Mutation;
use super::scheduler::{Seen, SessionRow, Tree};
use super::worker::Life;
use super::world::{TaskPilot, World};

/// One thing that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A message arrives, in whatever order; the network may keep a copy.
    Deliver { place: u8, keeps_a_copy: bool },
    /// A message is lost.
    Lose { place: u8 },
    /// The scheduler refuses a create for good.
    Refuse { place: u8 },
    /// A user asks the control plane.
    Ask(Wish),
    /// The control plane drives what it has committed.
    Drive,
    /// The control plane crashes and is started again.
    CrashControl,
    /// The scheduler crashes and is started again.
    CrashScheduler,
    /// An attempt has run longer than it may.
    TimeOut(u8),
    /// The deadline of an execution passes.
    Deadline(u8),
    /// The promised bound of a stop passes.
    Overdue(Fence),
    /// An operator takes on a stop that failed.
    Release(Fence),
    /// A child is to join.
    Join,
    /// What stands below a closed tree is decided.
    DecideBelow,
    /// What was answered is decided, where that rule is broken.
    DecideLate,
    /// The scheduler pushes an order, or repeats it.
    PushOrder(Fence),
    /// A lease is over.
    Lapse(Session),
    /// The scheduler ends a session whose lease is over.
    Expire(Session),
    /// A worker does something by itself.
    Work(WorkerIndex, WorkerStep),
}

/// What a worker does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerStep {
    Claim,
    Beat,
    HandIn(Fence, Outcome),
    Report(Fence, Stage),
    AskToStart(Fence),
    Start(Fence),
    Finish(Fence, Outcome),
    Signal(Fence),
    /// What was signaled does not end.
    GoOn(Fence),
    OrphanEnds(Fence),
    /// It cannot renew, and ends what it can end before its lease does.
    Lapse,
    Renew,
    HearOfItsEnd,
    Crash,
    BeginAgain,
    /// It ends in order.
    Leave,
    SayGoodbye,
}

impl World {
    /// Everything that can happen now, always in the same order.
    pub(super) fn possible(&self, model: &TaskPilot, actions: &mut Vec<Action>) {
        for (place, message) in (0..).zip(self.network.iter()) {
            for keeps_a_copy in [false, true] {
                actions.push(Action::Deliver {
                    place,
                    keeps_a_copy,
                });
            }
            actions.push(Action::Lose { place });
            if let Message::Create { key } = message
                && self.scheduler.keys[usize::from(*key)].is_none()
            {
                actions.push(Action::Refuse { place });
            }
        }
        actions.push(Action::Ask(Wish::Cancel));
        if model.bounds.keys > 0 {
            actions.extend([Wish::Bind, Wish::Withdraw].map(Action::Ask));
            actions.extend([Action::Drive, Action::CrashControl]);
        }
        if model.bounds.faults {
            actions.push(Action::CrashScheduler);
        }
        if model.bounds.topic == Topic::Family {
            actions.extend([Action::Ask(Wish::CancelAll), Action::Join]);
            if self.scheduler.tree == Tree::Undecided {
                actions.push(Action::DecideBelow);
            }
        }
        if self.scheduler.owed.is_some() {
            actions.push(Action::DecideLate);
        }
        self.possible_times(model, actions);
        self.possible_leases(model, actions);
        for (index, worker) in (0..).zip(&self.workers) {
            let mut steps = Vec::new();
            worker.steps(model, index, &mut steps);
            let row = self.scheduler.session(Session::present(index));
            if worker.serves() {
                match row {
                    SessionRow::Ended => steps.push(WorkerStep::HearOfItsEnd),
                    SessionRow::Live {
                        has_lapsed: false, ..
                    } if worker.has_lapsed => steps.push(WorkerStep::Renew),
                    SessionRow::Live { .. } | SessionRow::Unknown => {}
                }
            }
            if self.is_busy(index) {
                if worker.serves() {
                    steps.push(WorkerStep::Beat);
                }
                if worker.serves() && model.bounds.faults {
                    steps.push(WorkerStep::Crash);
                }
                if worker.life == Life::Up && model.bounds.topic == Topic::Goodbyes {
                    steps.push(WorkerStep::Leave);
                }
                if !worker.has_lapsed && model.bounds.faults {
                    steps.push(WorkerStep::Lapse);
                }
            }
            steps.retain(|step| *step != WorkerStep::BeginAgain || self.may_begin_again(index));
            actions.extend(steps.into_iter().map(|step| Action::Work(index, step)));
        }
    }

    fn possible_times(&self, model: &TaskPilot, actions: &mut Vec<Action>) {
        if model.bounds.time_limits {
            for id in (0..).take(self.scheduler.executions.len()) {
                actions.extend([Action::TimeOut(id), Action::Deadline(id)]);
            }
        }
        for (fence, attempt) in self.scheduler.attempts() {
            let (Some(status), Some((holder, _))) = (attempt.stop, attempt.holder) else {
                continue;
            };
            let lives = matches!(self.scheduler.session(holder), SessionRow::Live { .. });
            if model.bounds.topic == Topic::Releases && attempt.released.is_none() {
                actions.push(Action::Release(fence));
            }
            if lives && !attempt.is_function {
                actions.push(Action::Overdue(fence));
            }
            if lives && status.wants_order() && !holder.is_old {
                actions.push(Action::PushOrder(fence));
            }
        }
    }

    fn possible_leases(&self, model: &TaskPilot, actions: &mut Vec<Action>) {
        for worker in (0..).take(self.workers.len()) {
            for is_old in [false, true] {
                let session = Session { worker, is_old };
                let SessionRow::Live { has_lapsed, .. } = self.scheduler.session(session) else {
                    continue;
                };
                // The worker counts its lease from before it asked for it.
                if !has_lapsed && (is_old || self.worker(worker).has_lapsed) {
                    actions.push(Action::Lapse(session));
                }
                if has_lapsed || model.breaks(Mutation::HandsOverEarly) {
                    actions.push(Action::Expire(session));
                }
            }
        }
    }

    /// Lets one of them happen.
    pub(super) fn act(&mut self, model: &TaskPilot, action: Action) {
        match action {
            Action::Deliver {
                place,
                keeps_a_copy,
            } => {
                let message = self.receive(place, keeps_a_copy);
                if message.is_for_control() {
                    self.conclude(model, message);
                } else if message.is_for_a_worker() {
                    self.hear(message);
                } else {
                    self.serve(model, message);
                }
            }
            Action::Lose { place } => {
                self.receive(place, false);
            }
            Action::Refuse { place } => {
                if let Message::Create { key } = self.receive(place, false) {
                    self.refuse(model, key);
                }
            }
            Action::Ask(wish) => self.ask(model, wish),
            Action::Drive => self.drive(model),
            Action::CrashControl => self.crash_control(model),
            Action::CrashScheduler => self.crash_scheduler(),
            Action::TimeOut(id) => {
                let _ = self.happen(model, id, Event::AttemptTimedOut, Seen::default());
            }
            Action::Deadline(id) => self.pass_deadline(model, id),
            Action::Overdue(fence) => {
                self.learn(fence, StopEvent::Overdue);
            }
            Action::PushOrder(fence) => self.push_order(model, fence),
            Action::Release(fence) => self.release(model, fence),
            Action::Join => self.send(model, Message::Join),
            Action::DecideBelow => self.decide_below(model),
            Action::DecideLate => {
                if let Some(id) = self.scheduler.owed.take() {
                    let event = Event::CancelRequested(CancelCause::User);
                    let _ = self.happen(model, id, event, Seen::default());
                }
            }
            Action::Lapse(session) => {
                if let SessionRow::Live { has_lapsed, .. } = self.scheduler.session_mut(session) {
                    *has_lapsed = true;
                }
            }
            Action::Expire(session) => {
                let nothing = Fences::default();
                self.end_session(model, session, (Event::LeaseExpired, nothing));
            }
            Action::Work(worker, step) => self.work(model, worker, step),
        }
    }

    fn receive(&mut self, place: u8, keeps_a_copy: bool) -> Message {
        if keeps_a_copy {
            self.network.get(place.into())
        } else {
            self.network.take(place.into())
        }
    }

    /// Outages of ours are nobody's fault: what had not ended by then has a whole lease again.
    fn crash_scheduler(&mut self) {
        for session in &mut self.scheduler.sessions {
            if let SessionRow::Live { has_lapsed, .. } = session {
                *has_lapsed = false;
            }
        }
        self.network
            .retain(|message| !message.is_for_control() && !message.is_for_a_worker());
    }

    fn pass_deadline(&mut self, model: &TaskPilot, id: u8) {
        let is_stale = model.breaks(Mutation::AppliesWithoutItsGuard)
            && self.scheduler.execution(id).state == State::Succeeded;
        let seen = Seen {
            state: is_stale.then_some(State::Running),
            ..Seen::default()
        };
        let _ = self.happen(model, id, Event::DeadlinePassed, seen);
    }

    fn push_order(&mut self, model: &TaskPilot, fence: Fence) {
        let holder = self.scheduler.attempt(fence).and_then(|one| one.holder);
        if let Some((session, _)) = holder {
            self.send(model, Message::Order { session, fence });
        }
    }
}
