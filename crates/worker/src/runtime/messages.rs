//! What the dispatcher is told.

use std::sync::Arc;

use taskpilot_api::workers::{
    AttemptProgress, AttemptRef, ClaimAnswer, FailureBody, FencedAttempt, HeartbeatAnswer, Order,
    Verdict,
};
use tokio::sync::oneshot;

use super::drafts::Draft;
use super::function_loop::Reins;
use super::slots::Slot;
use super::stops::StopNote;
use crate::clock::BootInstant;
use crate::handlers::{InProcess, Returned};
use crate::supervised::Supervised;
use crate::wire::Event;

/// Something happened.
#[derive(Debug)]
pub(crate) enum Message {
    /// The claim in flight was answered, or never will be.
    Claimed(Claimed),
    /// A heartbeat is due: what is to be in it?
    BeatDue(oneshot::Sender<Beat>),
    /// A heartbeat was answered.
    Beaten(Box<Beaten>),
    /// An order arrived.
    Ordered(Order),
    /// It was said which attempts may begin.
    StartsAnswered(StartsAnswered),
    /// A batch of stop reports needs not be sent again.
    StopsAnswered,
    /// A batch of hand-ins was answered; `None` where the scheduler will never accept it.
    ResultsAnswered(Option<Vec<Verdict>>),
    /// The session has ended.
    SessionGone,
    /// Something happened to an attempt. With its last step it gives back its slot.
    Attempt(FencedAttempt, Step, Option<Slot>),
}

/// What was said about attempts that wait to begin, one verdict each in their order; `None` where
/// nobody will ever say it.
#[derive(Debug)]
pub(crate) struct StartsAnswered {
    /// When it was asked for the last time.
    pub(crate) asked_at: BootInstant,
    /// The answer.
    pub(crate) verdicts: Option<Vec<Verdict>>,
}

/// What became of a claim.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// It was answered.
    Served {
        /// When it was sent for the last time.
        asked_at: BootInstant,
        /// The answer.
        answer: ClaimAnswer,
    },
    /// The scheduler does not accept it.
    Refused,
}

/// What a heartbeat says.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) held: Vec<AttemptRef>,
    pub(crate) claim_seq: u64,
    pub(crate) stops: Vec<Arc<StopNote>>,
    pub(crate) progress: Vec<Word>,
}

/// The latest word of an attempt, and its number.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) fenced: FencedAttempt,
    pub(crate) number: u64,
    pub(crate) progress: AttemptProgress,
}

/// A heartbeat and its answer.
#[derive(Debug)]
pub(crate) struct Beaten {
    pub(crate) sent_at: BootInstant,
    pub(crate) beat: Beat,
    pub(crate) answer: HeartbeatAnswer,
}

/// What happens to an attempt.
#[derive(Debug)]
pub(crate) enum Step {
    /// It can start at once, if nothing speaks against it.
    Ready(Ready),
    /// It cannot start.
    NotStarted(FailureBody),
    /// Its supervisor said something.
    Event(Event),
    /// It has run as long as its handler may.
    TimedOut,
    /// It was stopped before its function began.
    NeverBegan,
    /// Its function was told to end.
    Told(BootInstant),
    /// Its function goes on beyond the grace.
    Ignored(BootInstant),
    /// Its function has returned.
    Returned(Returned),
}

/// What can start.
#[derive(Debug)]
pub(crate) enum Ready {
    /// A program behind its supervisor.
    Program(Supervised),
    /// Code of ours that returns at once.
    InProcess(InProcess),
    /// A function that waits for its start.
    Function(Reins),
}

/// Hand-ins on their way together.
pub(crate) type Batch = Vec<Arc<Draft>>;
