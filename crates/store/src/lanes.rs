//! The bounded queues before a committer: what is served first, what is shed when too much waits.
//!
//! Engine-neutral: a command is opaque here. Every command that is pushed is answered exactly once,
//! by whoever takes it or by the lanes themselves.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use taskpilot_domain::limits::{
    BACKGROUND_MS_MAX, LANE_COMMANDS_MAX, LANE_PASSED_OVER_MAX, LANES_BYTES_MAX,
    LANES_CANCEL_BYTES_MAX, LANES_SHED_BYTES_MAX, LANES_WORK_BYTES_MAX, TRANSACTION_BYTES_MAX,
    TRANSACTION_MS_MAX,
};

use crate::StoreError;

/// The class of a command. The order of the variants is the order in which they are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Signs of life: late ones cost a worker all it runs.
    Heartbeat,
    /// Cancels and everything about stops.
    Cancel,
    /// Ends of attempts and of bindings: work that is already done.
    Finish,
    /// Calls for work.
    Claim,
    /// New work.
    Create,
    /// Loops of our own.
    Background,
}

impl Lane {
    /// All classes, the first served first.
    pub const ALL: [Self; 6] = [
        Self::Heartbeat,
        Self::Cancel,
        Self::Finish,
        Self::Claim,
        Self::Create,
        Self::Background,
    ];

    /// Time after which a transaction takes nothing of this class any more.
    fn time_max(self) -> Duration {
        Duration::from_millis(match self {
            Self::Background => BACKGROUND_MS_MAX,
            _ => TRANSACTION_MS_MAX,
        })
    }
}

/// What waits in a lane. It knows its caller.
pub trait Command: Send {
    /// Answers the caller that nothing was applied, and why.
    fn refuse(self, error: StoreError);
}

/// How much may wait. Each number of bytes holds for a class and all that are served after it: what
/// is served first always has room that nobody behind it can fill.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Commands of one lane.
    pub commands: usize,
    /// Bytes of all lanes.
    pub bytes: usize,
    /// Of these, bytes of all but heartbeats.
    pub cancel_bytes: usize,
    /// Of these, bytes of ends, claims, creates and background.
    pub work_bytes: usize,
    /// Of these, bytes of creates and background.
    pub shed_bytes: usize,
}

impl Bounds {
    /// Bytes from a class on, the widest room first.
    fn rooms(&self) -> [(Lane, usize); 4] {
        [
            (Lane::Heartbeat, self.bytes),
            (Lane::Cancel, self.cancel_bytes),
            (Lane::Finish, self.work_bytes),
            (Lane::Create, self.shed_bytes),
        ]
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            commands: LANE_COMMANDS_MAX,
            bytes: LANES_BYTES_MAX,
            cancel_bytes: LANES_CANCEL_BYTES_MAX,
            work_bytes: LANES_WORK_BYTES_MAX,
            shed_bytes: LANES_SHED_BYTES_MAX,
        }
    }
}

/// What one transaction has taken so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Bytes of its commands; counted by the lanes.
    pub bytes: usize,
    /// How long it has been open; told by whoever has a clock.
    pub time: Duration,
}

impl Spent {
    fn leaves_room_for(&self, lane: Lane) -> bool {
        self.bytes < TRANSACTION_BYTES_MAX && self.time < lane.time_max()
    }
}

/// What a wait for work came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited<C> {
    /// The first command of a transaction.
    First(C),
    /// Nothing came in time.
    Nothing,
    /// The lanes are closed and empty.
    Closed,
}

/// The queues, one per class. Any thread pushes; a committer takes.
#[derive(Debug)]
pub struct Lanes<C> {
    bounds: Bounds,
    state: Mutex<State<C>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State<C> {
    queues: [VecDeque<Waiting<C>>; Lane::ALL.len()],
    passed_over: [u32; Lane::ALL.len()],
    bytes: [usize; Lane::ALL.len()],
    closed: bool,
}

#[derive(Debug)]
struct Waiting<C> {
    command: C,
    bytes: usize,
}

/// What a command costs beyond the bytes it names: its box, its reply, its place.
const COMMAND_OVERHEAD_BYTES: usize = 256;

impl<C: Command> Lanes<C> {
    /// Empty lanes.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                queues: Default::default(),
                passed_over: Default::default(),
                bytes: Default::default(),
                closed: false,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Queues a command of about `bytes`, or refuses it at once where its lane is full or closed.
    pub fn push(&self, lane: Lane, bytes: usize, command: C) {
        let bytes = bytes.saturating_add(COMMAND_OVERHEAD_BYTES);
        let mut state = self.lock();
        let refusal = if state.closed {
            Some(shutting_down())
        } else if state.is_full(lane, bytes, &self.bounds) {
            Some(StoreError::Overloaded)
        } else {
            None
        };
        match refusal {
            None => {
                state.add(lane, Waiting { command, bytes });
                drop(state);
                self.arrived.notify_one();
            }
            Some(error) => {
                drop(state);
                command.refuse(error);
            }
        }
    }

    /// Blocks until there is a first command for a transaction, at most for `timeout`.
    ///
    /// The first lane goes first, except where another one was passed over too often.
    pub fn wait(&self, spent: &mut Spent, timeout: Option<Duration>) -> Waited<C> {
        let mut state = self.lock();
        loop {
            if let Some(command) = state.take_first(spent) {
                return Waited::First(command);
            }
            if state.closed {
                return Waited::Closed;
            }
            state = match timeout {
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let waited = self.arrived.wait_timeout(state, timeout);
                    let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
                    if result.timed_out() && state.is_empty() {
                        return Waited::Nothing;
                    }
                    state
                }
            };
        }
    }

    /// Takes one more command for a transaction that has spent so much, if it has room.
    pub fn next(&self, spent: &mut Spent) -> Option<C> {
        self.lock().take(spent)
    }

    /// Answers everything that waits with `error`.
    pub fn refuse_waiting(&self, error: &StoreError) {
        let waiting = self.lock().drain();
        for command in waiting {
            command.refuse(error.clone());
        }
    }

    /// Takes no more commands; what waits is still served.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    fn is_full(&self, lane: Lane, bytes: usize, bounds: &Bounds) -> bool {
        let waiting = |first: Lane| self.bytes[first as usize..].iter().sum::<usize>();
        let mut rooms = bounds.rooms().into_iter();
        self.queues[lane as usize].len() >= bounds.commands
            || rooms.any(|(first, room)| first <= lane && waiting(first) + bytes > room)
    }

    fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }

    fn add(&mut self, lane: Lane, waiting: Waiting<C>) {
        self.bytes[lane as usize] += waiting.bytes;
        self.queues[lane as usize].push_back(waiting);
    }

    fn take_first(&mut self, spent: &mut Spent) -> Option<C> {
        let mut starved = None;
        for lane in Lane::ALL {
            if !self.queues[lane as usize].is_empty() {
                self.passed_over[lane as usize] += 1;
                if self.passed_over[lane as usize] > LANE_PASSED_OVER_MAX {
                    starved = starved.or(Some(lane));
                }
            }
        }
        match starved {
            Some(lane) => self.pop(lane, spent),
            None => self.take(spent),
        }
    }

    fn take(&mut self, spent: &mut Spent) -> Option<C> {
        let lane = Lane::ALL
            .into_iter()
            .find(|lane| !self.queues[*lane as usize].is_empty() && spent.leaves_room_for(*lane))?;
        self.pop(lane, spent)
    }

    fn pop(&mut self, lane: Lane, spent: &mut Spent) -> Option<C> {
        let waiting = self.queues[lane as usize].pop_front()?;
        self.passed_over[lane as usize] = 0;
        self.bytes[lane as usize] -= waiting.bytes;
        spent.bytes += waiting.bytes;
        Some(waiting.command)
    }

    fn drain(&mut self) -> Vec<C> {
        self.bytes = Default::default();
        self.passed_over = Default::default();
        let queues = self.queues.iter_mut();
        queues
            .flat_map(|queue| queue.drain(..))
            .map(|waiting| waiting.command)
            .collect()
    }
}

fn shutting_down() -> StoreError {
    StoreError::Unavailable {
        detail: "the store is shutting down".into(),
    }
}

#[cfg(test)]
mod tests;
