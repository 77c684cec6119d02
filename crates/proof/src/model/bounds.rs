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
    /// The binding with messages that overtake each other.
    pub const BINDING: Self = Self {
        in_flight: 2,
        ..Self::BINDING_SMALL
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
        } = self;
        write!(
            f,
            "{in_flight} messages in flight, {attempts} attempts of which {max_attempts} count, \
             {keys} binding keys, {workers} workers, time limits: {time_limits}, \
             crashes, losses, repeats and cancels without number"
        )
    }
}
