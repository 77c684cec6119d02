//! A tree of two: the first execution, and a child that joins it.

use taskpilot_domain::execution::{Event, State};
use taskpilot_domain::stop::CancelCause;

use super::mutation::Mutation;
use super::scheduler::{Seen, Tree};
use super::world::{TaskPilot, World};

impl World {
    fn child(&self) -> Option<u8> {
        let mut all = (0..).zip(&self.scheduler.executions);
        all.find(|(_, one)| one.is_child()).map(|(id, _)| id)
    }

    /// Closes the tree, in the transaction of the verdict or of a repeat.
    pub(super) fn close(&mut self, model: &TaskPilot) {
        self.scheduler.was_to_close = true;
        if model.breaks(Mutation::ForgetsTheTree) || self.scheduler.tree != Tree::Open {
            return;
        }
        self.scheduler.tree = match self.child() {
            Some(_) => Tree::Undecided,
            None => Tree::Closed,
        };
    }

    /// Creates the child, once. Below a closed tree it is born canceled.
    pub(super) fn join(&mut self, model: &TaskPilot) {
        if self.child().is_some() {
            return;
        }
        let child = self.scheduler.add(None);
        if self.scheduler.tree != Tree::Open && !model.breaks(Mutation::BearsBelowAClosedTree) {
            self.cancel_below(model, child);
        }
    }

    /// A slice of what a closed tree leaves to decide.
    pub(super) fn decide_below(&mut self, model: &TaskPilot) {
        if let Some(child) = self.child() {
            self.cancel_below(model, child);
        }
        self.scheduler.tree = Tree::Closed;
    }

    /// Whether an execution that is about to be granted stands below a closed tree; then it is decided.
    pub(super) fn decides_instead_of_a_grant(&mut self, model: &TaskPilot, id: u8) -> bool {
        let is_below =
            self.scheduler.tree == Tree::Undecided && self.scheduler.execution(id).is_child();
        if !is_below || model.breaks(Mutation::GrantsBelowAClosedTree) {
            return false;
        }
        self.cancel_below(model, id);
        true
    }

    /// What has ended stays as it is.
    fn cancel_below(&mut self, model: &TaskPilot, child: u8) {
        let event = Event::CancelRequested(CancelCause::Parent);
        let _ = self.happen(model, child, event, Seen::default());
    }

    /// A cancel that cascades closes its tree, nothing begins below it, and nothing is left there.
    pub(super) fn has_its_tree_closed(&self) -> bool {
        let Some(child) = self.child() else {
            return !self.scheduler.was_to_close || self.scheduler.tree != Tree::Open;
        };
        let is_over = self.scheduler.execution(child).state.is_final();
        match self.scheduler.tree {
            Tree::Open => !self.scheduler.was_to_close,
            Tree::Undecided => true,
            Tree::Closed => is_over,
        }
    }

    /// Whether a child that has not begun stands below a closed tree.
    pub(super) fn has_a_child_to_decide(&self) -> bool {
        self.scheduler.tree == Tree::Undecided
            && self
                .scheduler
                .executions
                .iter()
                .any(|one| one.is_child() && one.state == State::Pending)
    }
}
