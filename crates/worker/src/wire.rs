//! The words between a worker and its supervisors: orders down one pipe, reports up another.
//!
//! One JSON object per line. The order `prepare` is followed by the bytes of the program's input.

use serde::{Deserialize, Serialize};
use taskpilot_domain::stop::{Containment, How};

use crate::clock::BootInstant;
use crate::limits::{ORDER_BYTES_MAX, STDIN_BYTES_MAX};
use crate::notice::StopNotice;
use crate::process_table::ProcessId;
use crate::spec::CommandSpec;

/// From the worker to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Know the command; run nothing yet.
    Prepare {
        spec: Box<CommandSpec>,
        stdin_bytes: usize,
    },
    /// Run it.
    Start,
    /// The lease ends later than was said.
    ExtendLease { lease_end: BootInstant },
    /// End the tree. The program finds the notice of the first one.
    Stop {
        grace_ms: u64,
        notice: Option<Box<StopNotice>>,
    },
}

/// From the supervisor to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub(crate) enum Report {
    /// Own session, subreaper, spec understood: `start` will run the program.
    Ready,
    /// This machine cannot supervise.
    Unusable { message: String },
    /// Everything after that.
    Event { event: Event },
}

/// What happens to a supervised command, in order. The last one is `Ended`, or
/// `Lost` without survivors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The program runs.
    Started {
        /// The program itself, the root of the tree.
        program: ProcessId,
        /// What encloses it.
        containment: Containment,
        /// Why that is not the control group that was wanted.
        no_group: Option<String>,
        /// When.
        at: BootInstant,
    },
    /// The tree was signaled because it shall stop; at most once for each signal.
    Signaled {
        /// Which signal.
        signal: StopSignal,
        /// Why.
        cause: EndCause,
        /// How many processes got it at once.
        processes: u32,
        /// When.
        at: BootInstant,
    },
    /// SIGKILL has not ended the tree within the kill time. The supervisor keeps trying.
    Stuck {
        /// Some of what is left.
        survivors: Vec<i32>,
        /// When this was noticed.
        at: BootInstant,
    },
    /// Proven: nothing of the tree is left.
    Ended(Box<Ended>),
    /// The supervisor itself died, or was killed because it hung, without that proof. What it left came to the worker, which ends
    /// it. With survivors this is news of how that goes; without any it is the end, proven by the
    /// worker: it has collected whatever came to it, and nothing carries the marker.
    Lost {
        /// What could not be ended so far.
        survivors: Vec<i32>,
        /// Why the worker gave a supervisor up that had not died by itself: it hung.
        cause: Option<EndCause>,
    },
}

/// A signal that ends work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM (with SIGCONT, or a stopped process would not see it).
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Why a supervisor ended a tree before its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The worker ordered it.
    Order,
    /// The lease was about to end.
    Lease,
    /// The worker died or dropped its handle.
    WorkerGone,
    /// Somebody signaled the supervisor.
    Signal,
}

/// The proof that nothing is left, and what is known of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How the tree ended. `Finished`: by its own end, even if leftovers had to be killed.
    pub how: How,
    /// Why it was ended; `None` after its own end and after a failed start.
    pub cause: Option<EndCause>,
    /// What the proof rests on.
    pub containment: Containment,
    /// The program's exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended the program instead.
    pub signal: Option<i32>,
    /// Processes that were signaled: the program too where it was stopped, else the leftovers.
    pub swept: u32,
    /// The end of standard output.
    pub stdout: OutputTail,
    /// The end of standard error.
    pub stderr: OutputTail,
    /// Why the program could not be started.
    pub start_error: Option<StartError>,
    /// When the tree was found empty.
    pub at: BootInstant,
}

/// The end of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputTail {
    /// The last bytes as text; what is not UTF-8 is replaced.
    pub text: String,
    /// Bytes that were written in all; more than `text` holds if the beginning was dropped.
    pub bytes: u64,
}

/// The program could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// Which kind of failure.
    pub code: StartErrorCode,
    /// For a person: names the program or directory.
    pub message: String,
}

/// Why a program could not be started: the error code of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartErrorCode {
    /// There is no such program (or the interpreter in its first line is missing).
    ProgramNotFound,
    /// It is there and may not or cannot be executed.
    ProgramNotExecutable,
    /// The directory to start in is missing or may not be entered.
    DirectoryMissing,
    /// The arguments or the environment are too long or hold a NUL.
    ArgumentsRefused,
    /// No memory, processes or files left, or an unknown failure of the machine.
    ResourcesExhausted,
}

impl StartErrorCode {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProgramNotFound => "program_not_found",
            Self::ProgramNotExecutable => "program_not_executable",
            Self::DirectoryMissing => "directory_missing",
            Self::ArgumentsRefused => "arguments_refused",
            Self::ResourcesExhausted => "resources_exhausted",
        }
    }

    /// Whether the same command may start another time. All but one need a person first.
    pub fn is_retryable(self) -> bool {
        self == Self::ResourcesExhausted
    }
}

impl Order {
    /// The bytes that go down the pipe, without the program's input.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("invariant: an order is plain data");
        line.push(b'\n');
        line
    }
}

/// What came down the pipe is no order: the other end is not our worker any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Bytes to orders.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    prepared: Option<(Box<CommandSpec>, usize)>,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole order; the input of a `Prepare` is in its spec.
    pub(crate) fn next(&mut self) -> Result<Option<Order>, Garbled> {
        if self.prepared.is_none() {
            let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                let too_long = self.buffer.len() > ORDER_BYTES_MAX;
                return if too_long { Err(Garbled) } else { Ok(None) };
            };
            let order = serde_json::from_slice(&self.buffer[..end]).map_err(|_| Garbled)?;
            self.buffer.drain(..=end);
            let Order::Prepare { spec, stdin_bytes } = order else {
                return Ok(Some(order));
            };
            if stdin_bytes > STDIN_BYTES_MAX {
                return Err(Garbled);
            }
            self.prepared = Some((spec, stdin_bytes));
        }
        Ok(self.finish_prepare())
    }

    fn finish_prepare(&mut self) -> Option<Order> {
        let (mut spec, stdin_bytes) = self
            .prepared
            .take_if(|(_, bytes)| self.buffer.len() >= *bytes)?;
        let rest = self.buffer.split_off(stdin_bytes);
        spec.stdin = std::mem::replace(&mut self.buffer, rest);
        Some(Order::Prepare { spec, stdin_bytes })
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::stop::StopCause;

    use super::*;

    #[test]
    fn orders_survive_any_cut_of_the_stream() {
        let mut spec = CommandSpec::new(vec!["true".into()], "m".into(), BootInstant::now());
        spec.stdin = b"{\"order\":\"start\"}\n\0".to_vec();
        let prepare = Order::Prepare {
            stdin_bytes: spec.stdin.len(),
            spec: Box::new(spec.clone()),
        };
        let stop = Order::Stop {
            grace_ms: 5,
            notice: Some(Box::new(StopNotice::of(StopCause::User))),
        };
        let orders = [prepare, Order::Start, stop];
        let mut bytes = Vec::new();
        for order in &orders {
            bytes.extend(order.encode());
            if matches!(order, Order::Prepare { .. }) {
                bytes.extend(&spec.stdin);
            }
        }
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::default();
            let mut decoded = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                decoder.push(part);
                decoded.extend(std::iter::from_fn(|| decoder.next().unwrap()));
            }
            assert_eq!(decoded, orders, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_is_no_order_is_garbled() {
        let mut decoder = Decoder::default();
        decoder.push(b"{\"order\":\"dance\"}\n");
        assert_eq!(decoder.next(), Err(Garbled));
    }
}
