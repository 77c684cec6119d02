//! What a worker has in memory, and what runs beside it.

use super::message::{Fence, Fences, Outcome};

/// A worker process and what it runs. All of it is memory but the processes, which a supervisor
/// ends a while after the worker has gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) life: Life,
    /// It could not renew and its lease is about to end: it has ended what it can end.
    pub(super) has_lapsed: bool,
    pub(super) claims: Claims,
    pub(super) held: Vec<Held>,
    /// The orders that were heard, kept to the end of the session.
    pub(super) heard: Fences,
    /// Of these, those whose attempt is not known yet.
    pub(super) unmatched: Fences,
    /// And those that were never started and never will be.
    pub(super) never: Fences,
    /// Attempts whose end was answered.
    pub(super) done: Fences,
    /// What runs without the worker that began it, or after its session.
    pub(super) orphans: Fences,
}

/// How a worker stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Life {
    /// It serves a session.
    #[default]
    Up,
    /// It ends in order, and takes no more work.
    Leaving,
    /// It knows that its session is dead.
    Dead,
    /// It has crashed.
    Down,
}

/// Where the claims of a session stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Claims {
    pub(super) last: u8,
    pub(super) answered: u8,
    pub(super) in_flight: bool,
}

/// An attempt from its grant until its end is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) fence: Fence,
    pub(super) phase: Phase,
    /// It was ordered to stop.
    pub(super) is_ordered: bool,
    /// Its work was signaled.
    pub(super) is_signaled: bool,
    /// It was signaled and goes on: ignored by a function, survived by a process.
    pub(super) goes_on: bool,
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Nothing of it runs.
    Preparing,
    /// The same, and it was told that it may begin.
    Allowed,
    /// It runs.
    Running,
    /// Nothing of it is left; its end is to be answered.
    Ended(Outcome),
}

impl Held {
    pub(super) fn granted(fence: Fence, is_ordered: bool) -> Self {
        let mut held = Self {
            fence,
            phase: Phase::Preparing,
            is_ordered: false,
            is_signaled: false,
            goes_on: false,
        };
        if is_ordered {
            held.order();
        }
        held
    }

    /// It is ordered to stop, or to end for its session's sake.
    pub(super) fn order(&mut self) {
        match self.phase {
            Phase::Preparing | Phase::Allowed => self.end(Outcome::Released),
            Phase::Running => self.is_ordered = true,
            Phase::Ended(_) => {}
        }
    }

    /// Its worker ends it now.
    pub(super) fn kill(&mut self) {
        match self.phase {
            Phase::Preparing | Phase::Allowed => self.end(Outcome::Released),
            Phase::Running => self.end(Outcome::Interrupted),
            Phase::Ended(_) => {}
        }
    }

    /// Nothing of it is left. How far its stop had come is told by its end.
    pub(super) fn end(&mut self, outcome: Outcome) {
        *self = Self {
            fence: self.fence,
            phase: Phase::Ended(outcome),
            is_ordered: false,
            is_signaled: false,
            goes_on: false,
        };
    }
}

impl Worker {
    pub(super) fn find(&self, fence: Fence) -> Option<&Held> {
        self.held.iter().find(|one| one.fence == fence)
    }

    /// The attempts whose work runs under this worker.
    pub(super) fn running(&self) -> Fences {
        self.having(|one| one.phase == Phase::Running)
    }

    /// The attempts that it names in a heartbeat.
    pub(super) fn holding(&self) -> Fences {
        self.having(|_| true)
    }

    /// Everything of whatever life of it that runs.
    pub(super) fn alive(&self) -> Fences {
        self.running().with(self.orphans)
    }

    /// What it gives back unbegun.
    pub(super) fn never_started(&self) -> Fences {
        self.having(|one| one.phase == Phase::Ended(Outcome::Released))
    }

    /// Whether it serves its session.
    pub(super) fn serves(&self) -> bool {
        matches!(self.life, Life::Up | Life::Leaving)
    }

    fn having(&self, wanted: impl Fn(&Held) -> bool) -> Fences {
        let mut fences = Fences::default();
        for one in self.held.iter().filter(|one| wanted(one)) {
            fences.insert(one.fence);
        }
        fences
    }
}
