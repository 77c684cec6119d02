//! Within which bounds a run of the model is complete.

use std::fmt;

/// What bounds a run. Within them the checker visits every state: crashes, losses, repeats, cancels
/// and heartbeats are not counted, so that there may be as many of them as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Messages in flight at once; one more is lost.
    pub in_flight: usize,
    /// Attempts of one execution, the uncounted ones included.
    pub attempts: u8,
    /// Counted attempts that its policy allows.
    pub max_attempts: u8,
    /// Binding keys, and so executions and tombstones; 0: the task is bound from the start.
    pub keys: u8,
    /// Workers that take part, one or two: the first runs processes, the second functions.
    pub workers: u8,
    /// Whether attempts time out and executions have a deadline.
    pub time_limits: bool,
    /// Whether services and workers crash, and leases end. A crash of the scheduler alone is no more
    /// than the loss of its messages, which may be lost in any case.
    pub faults: bool,
    /// What is looked at beside that.
    pub topic: Topic,
}

/// A part of the protocol that has bounds of its own: all of them together have too many states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Nothing more.
    Plain,
    /// Work asks before it begins.
    Starts,
    /// Operators release what could not be stopped.
    Releases,
    /// Workers end in order, and give back what they never began.
    Goodbyes,
    /// A child joins the execution, and cancels reach what is below.
    Family,
}

impl Bounds {
    /// The stop path of one attempt with two workers: for every day.
    pub const STOPS_SMALL: Self = Self {
        in_flight: 1,
        attempts: 1,
        max_attempts: 1,
        keys: 0,
        workers: 2,
        time_limits: true,
        faults: true,
        topic: Topic::Plain,
    };
    /// The binding, with one worker to run what is bound: for every day.
    pub const BINDING_SMALL: Self = Self {
        keys: 2,
        workers: 1,
        time_limits: false,
        ..Self::STOPS_SMALL
    };
    /// The stop path with a second attempt, which another worker may have.
    pub const RETRY: Self = Self {
        attempts: 2,
        max_attempts: 2,
        ..Self::STOPS_SMALL
    };
    /// The same with messages that overtake each other, where nothing crashes.
    pub const REORDERING: Self = Self {
        in_flight: 2,
        faults: false,
        ..Self::RETRY
    };
    /// The binding with messages that overtake each other.
    pub const BINDING: Self = Self {
        in_flight: 2,
        ..Self::BINDING_SMALL
    };
    /// Work that asks before it begins: for every day.
    pub const STARTS_SMALL: Self = Self {
        topic: Topic::Starts,
        ..Self::STOPS_SMALL
    };
    /// The same, and a word about it may come late.
    pub const STARTS: Self = Self {
        in_flight: 2,
        workers: 1,
        ..Self::STARTS_SMALL
    };
    /// A stop that failed, its release, and the attempt after it.
    pub const RELEASES: Self = Self {
        faults: false,
        topic: Topic::Releases,
        ..Self::RETRY
    };
    /// Workers that end in order: for every day.
    pub const GOODBYES_SMALL: Self = Self {
        topic: Topic::Goodbyes,
        ..Self::STOPS_SMALL
    };
    /// The same, and a goodbye may be overtaken.
    pub const GOODBYES: Self = Self {
        in_flight: 2,
        workers: 1,
        ..Self::GOODBYES_SMALL
    };
    /// A tree of two, where nothing crashes: for every day.
    pub const FAMILY_SMALL: Self = Self {
        time_limits: false,
        faults: false,
        topic: Topic::Family,
        ..Self::STOPS_SMALL
    };
    /// The same, and a create or a cancel may be overtaken.
    pub const FAMILY: Self = Self {
        in_flight: 2,
        ..Self::FAMILY_SMALL
    };
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            in_flight,
            attempts,
            max_attempts,
            keys,
            workers,
            time_limits,
            faults,
            topic,
        } = self;
        write!(
            f,
            "{in_flight} messages in flight, {attempts} attempts of which {max_attempts} count, \
             {keys} binding keys, {workers} workers, time limits: {time_limits}, \
             crashes and ends of leases: {faults}, topic: {topic:?}; \
             losses, repeats and cancels without number"
        )
    }
}
