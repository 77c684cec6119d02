//! What is on the network, and what names things on it.

use taskpilot_domain::execution::AttemptEnd;
use taskpilot_domain::stop::StopEvent;

/// A worker of the model.
pub(super) type WorkerIndex = u8;

/// The first worker runs processes under supervisors, the second functions inside itself.
pub(super) fn runs_functions(worker: WorkerIndex) -> bool {
    worker == 1
}

/// One life of a worker. Of those before the present one, one is remembered: another begins only
/// when that one is over and nothing speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Session {
    pub(super) worker: WorkerIndex,
    pub(super) is_old: bool,
}

impl Session {
    pub(super) fn present(worker: WorkerIndex) -> Self {
        Self {
            worker,
            is_old: false,
        }
    }

    pub(super) fn old(worker: WorkerIndex) -> Self {
        Self {
            worker,
            is_old: true,
        }
    }
}

/// Execution and attempt. The token goes without saying: each attempt has its own, and no message
/// has one that was never given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fence {
    pub(super) execution: u8,
    pub(super) attempt: u8,
}

/// A set of fences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fences(u16);

impl FromIterator<Fence> for Fences {
    fn from_iter<I: IntoIterator<Item = Fence>>(all: I) -> Self {
        let mut fences = Self::default();
        all.into_iter().for_each(|fence| fences.insert(fence));
        fences
    }
}

impl Fences {
    fn bit(fence: Fence) -> u16 {
        1 << (fence.execution * 8 + fence.attempt)
    }

    pub(super) fn insert(&mut self, fence: Fence) {
        self.0 |= Self::bit(fence);
    }

    pub(super) fn remove(&mut self, fence: Fence) {
        self.0 &= !Self::bit(fence);
    }

    pub(super) fn contains(self, fence: Fence) -> bool {
        self.0 & Self::bit(fence) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Fence> {
        (0..16)
            .filter(move |bit| self.0 & (1 << bit) != 0)
            .map(|bit| Fence {
                execution: bit / 8,
                attempt: bit % 8,
            })
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How a worker says that an attempt ended. Ordered by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    Released,
    Interrupted,
}

impl Outcome {
    pub(super) fn end(self) -> AttemptEnd {
        match self {
            Self::Succeeded => AttemptEnd::Succeeded,
            Self::Failed => AttemptEnd::Failed,
            Self::Released => AttemptEnd::Released,
            Self::Interrupted => AttemptEnd::Interrupted,
        }
    }
}

/// What a worker reports about a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    Delivered,
    Acknowledged,
    GaveUp,
    Unkillable,
    NeverStarted,
    /// Only a worker that lies says so: others hand in the end.
    Stopped,
}

impl Stage {
    pub(super) fn event(self) -> StopEvent {
        use taskpilot_domain::stop::How;
        match self {
            Self::Delivered => StopEvent::Delivered,
            Self::Acknowledged => StopEvent::Acknowledged,
            Self::GaveUp => StopEvent::GaveUp,
            Self::Unkillable => StopEvent::Unkillable,
            Self::NeverStarted => StopEvent::Ended(How::NeverStarted),
            Self::Stopped => StopEvent::Ended(How::Terminated),
        }
    }
}

/// A message in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Message {
    // From the control plane to the scheduler, and back.
    Create {
        key: u8,
    },
    Created {
        key: u8,
        execution: u8,
    },
    Refused {
        key: u8,
    },
    CancelKey {
        key: u8,
    },
    KeyCanceled {
        key: u8,
        ok: bool,
    },
    Cancel {
        execution: u8,
        cascade: bool,
    },
    Canceled {
        execution: u8,
        ok: bool,
    },
    // From a worker to the scheduler.
    Claim {
        session: Session,
        seq: u8,
    },
    HandIn {
        session: Session,
        fence: Fence,
        outcome: Outcome,
    },
    Report {
        session: Session,
        fence: Fence,
        stage: Stage,
    },
    Beat {
        session: Session,
        answered: u8,
        held: Fences,
    },
    Goodbye {
        session: Session,
        never_started: Fences,
    },
    // From the scheduler to a worker.
    Granted {
        session: Session,
        seq: u8,
        fence: Option<Fence>,
    },
    HandedIn {
        session: Session,
        fence: Fence,
    },
    Order {
        session: Session,
        fence: Fence,
    },
    // Whether work may begin.
    Start {
        session: Session,
        fence: Fence,
    },
    Started {
        session: Session,
        fence: Fence,
        ok: bool,
    },
    // A child of the first execution, to be created once.
    Join,
}

impl Message {
    /// The session that it is from or for.
    pub(super) fn session(self) -> Option<Session> {
        let mut copy = self;
        copy.session_mut().copied()
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match self {
            Self::Claim { session, .. }
            | Self::HandIn { session, .. }
            | Self::Report { session, .. }
            | Self::Beat { session, .. }
            | Self::Goodbye { session, .. }
            | Self::Granted { session, .. }
            | Self::HandedIn { session, .. }
            | Self::Order { session, .. }
            | Self::Start { session, .. }
            | Self::Started { session, .. } => Some(session),
            Self::Create { .. }
            | Self::Created { .. }
            | Self::Refused { .. }
            | Self::CancelKey { .. }
            | Self::KeyCanceled { .. }
            | Self::Cancel { .. }
            | Self::Canceled { .. }
            | Self::Join => None,
        }
    }

    /// The attempt that it speaks of.
    pub(super) fn fence(self) -> Option<Fence> {
        match self {
            Self::HandIn { fence, .. }
            | Self::Report { fence, .. }
            | Self::HandedIn { fence, .. }
            | Self::Order { fence, .. }
            | Self::Start { fence, .. }
            | Self::Started { fence, .. } => Some(fence),
            Self::Granted { fence, .. } => fence,
            _ => None,
        }
    }

    /// The number of the claim that it speaks of.
    pub(super) fn seq_mut(&mut self) -> Option<&mut u8> {
        match self {
            Self::Claim { seq, .. } | Self::Granted { seq, .. } => Some(seq),
            Self::Beat { answered, .. } => Some(answered),
            _ => None,
        }
    }

    pub(super) fn is_for_control(self) -> bool {
        matches!(
            self,
            Self::Created { .. }
                | Self::Refused { .. }
                | Self::KeyCanceled { .. }
                | Self::Canceled { .. }
        )
    }

    pub(super) fn is_for_a_worker(self) -> bool {
        matches!(
            self,
            Self::Granted { .. }
                | Self::HandedIn { .. }
                | Self::Order { .. }
                | Self::Started { .. }
        )
    }
}

/// The messages in flight: a set, because a repeat of a message is the message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Network(Vec<Message>);

impl Network {
    /// Sends a message, unless as many are in flight as may be: then it is lost.
    pub(super) fn send(&mut self, message: Message, bound: usize) {
        if let Err(place) = self.0.binary_search(&message)
            && self.0.len() < bound
        {
            self.0.insert(place, message);
        }
    }

    pub(super) fn take(&mut self, place: usize) -> Message {
        self.0.remove(place)
    }

    pub(super) fn get(&self, place: usize) -> Message {
        self.0[place]
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Message> {
        self.0.iter()
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Message) -> bool) {
        self.0.retain(keep);
    }

    /// Renames what the messages speak of, which may change their order.
    pub(super) fn rename(&mut self, change: impl FnMut(&mut Message)) {
        self.0.iter_mut().for_each(change);
        self.0.sort_unstable();
        self.0.dedup();
    }
}
