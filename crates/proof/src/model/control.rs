//! The control plane: one task, its binding, and the wish to cancel it.

use taskpilot_domain::binding::{BindingChange, BindingEvent, TaskStatus, advance};
use taskpilot_domain::ids::ExecutionId;

use super::message::Message;
use super::mutation::Mutation;
use super::properties::Promise;
use super::world::{Intent, TaskPilot, World};

/// What a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Bind,
    Withdraw,
    Cancel,
    /// With all that is below.
    CancelAll,
}

fn id(execution: u8) -> ExecutionId {
    ExecutionId::new(i64::from(execution) + 1).expect("invariant: ids begin with one")
}

impl World {
    /// Asks what an event does to the binding; a status that moves is committed.
    fn bind_happens(&mut self, event: BindingEvent) -> BindingChange {
        let bound_to = self.control.execution.map(id);
        let change = advance(self.control.status, bound_to, event);
        if let BindingChange::Moved(status) = change {
            self.control.status = status;
        }
        change
    }

    /// A user asks.
    pub(super) fn ask(&mut self, model: &TaskPilot, wish: Wish) {
        match wish {
            Wish::Bind => {
                if self.control.made < model.bounds.keys
                    && matches!(
                        self.bind_happens(BindingEvent::BindRequested),
                        BindingChange::Moved(_)
                    )
                {
                    self.control.key = Some(self.control.made);
                    self.control.made += 1;
                    self.control.intent = Intent::None;
                }
            }
            Wish::Withdraw => {
                self.bind_happens(BindingEvent::Withdrawn);
            }
            Wish::Cancel => self.ask_to_cancel(model, false),
            Wish::CancelAll => self.ask_to_cancel(model, true),
        }
    }

    /// The wish is committed where the task is binding, and passed on where it is bound.
    fn ask_to_cancel(&mut self, model: &TaskPilot, cascade: bool) {
        match (
            self.control.status,
            self.control.key,
            self.control.execution,
        ) {
            (TaskStatus::Binding, Some(key), _) => {
                if self.control.intent == Intent::None {
                    self.control.intent = Intent::Owed;
                }
                self.control.promised[usize::from(key)] = true;
            }
            (TaskStatus::Bound, _, Some(execution)) => {
                self.send(model, Message::Cancel { execution, cascade });
            }
            _ => {}
        }
    }

    /// Drives what is committed one call further: requests, repeats and the loop are one path.
    pub(super) fn drive(&mut self, model: &TaskPilot) {
        let control = &self.control;
        let message = match (control.status, control.key, control.execution) {
            (TaskStatus::Binding, Some(key), _) => {
                if control.is_refused || control.intent == Intent::Owed {
                    Message::CancelKey { key }
                } else {
                    Message::Create { key }
                }
            }
            (TaskStatus::Bound, _, Some(execution)) if control.intent == Intent::Owed => {
                let cascade = false;
                Message::Cancel { execution, cascade }
            }
            _ => return,
        };
        self.send(model, message);
    }

    /// Takes an answer of the scheduler. One about another key than that in force changes nothing.
    pub(super) fn conclude(&mut self, model: &TaskPilot, message: Message) {
        let in_force = |key: u8| self.control.key == Some(key);
        match message {
            Message::Created { key, execution }
                if in_force(key) || model.breaks(Mutation::BindsUnderAnyKey) =>
            {
                self.on_created(execution);
            }
            Message::Refused { key }
                if in_force(key) && self.control.status == TaskStatus::Binding =>
            {
                self.control.is_refused = true;
                let owes = self.control.intent == Intent::Owed;
                if model.breaks(Mutation::FreesWithoutATombstone) && !owes {
                    self.free();
                }
            }
            Message::KeyCanceled { key, ok } if in_force(key) => {
                self.on_canceled(key, ok);
                if self.control.is_refused && ok {
                    self.free();
                }
            }
            Message::Canceled { execution, ok } if self.control.execution == Some(execution) => {
                if let Some(key) = self.control.key {
                    self.on_canceled(key, ok);
                }
            }
            _ => {}
        }
    }

    fn on_created(&mut self, execution: u8) {
        match self.bind_happens(BindingEvent::Accepted(id(execution))) {
            BindingChange::Moved(_) => {
                if self
                    .control
                    .execution
                    .is_some_and(|known| known != execution)
                {
                    self.broken.note(Promise::OneExecutionPerTask);
                }
                self.control.execution = Some(execution);
                self.control.is_refused = false;
            }
            BindingChange::Alarm => self.broken.note(Promise::OneExecutionPerTask),
            BindingChange::Unchanged | BindingChange::Conflict => {}
        }
    }

    /// The cancel was answered for good: 2xx, or a conflict because what stood there has ended.
    fn on_canceled(&mut self, key: u8, ok: bool) {
        if self.control.intent == Intent::Owed {
            self.control.intent = Intent::Settled;
        }
        self.control.promised[usize::from(key)] |= ok;
    }

    /// The key is spent: the task may be bound again.
    fn free(&mut self) {
        if let BindingChange::Moved(_) = self.bind_happens(BindingEvent::Refused) {
            self.control.key = None;
            self.control.is_refused = false;
            self.control.intent = Intent::None;
        }
    }

    /// What is in memory is gone, and so are the answers that nobody waits for now.
    pub(super) fn crash_control(&mut self, model: &TaskPilot) {
        if model.breaks(Mutation::IntendsInMemory) && self.control.intent == Intent::Owed {
            self.control.intent = Intent::None;
        }
        self.network.retain(|message| !message.is_for_control());
    }
}
