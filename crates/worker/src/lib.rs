//! The worker: runs attempts and tells the truth about their end.
//!
//! [`Worker`] lives one life on one scheduler; [`Handlers`] say what it may run. Commands run under
//! a supervisor process of ours (`supervisor` is its inside, [`supervised`] the worker's side of
//! it); [`journal`] lets a new worker end what its previous life left.
#![warn(missing_docs)]

mod backstop;
mod chance;
mod cleanup_of;
pub mod clock;
pub mod environment;
pub mod groups;
mod handlers;
mod handout;
pub mod journal;
mod limits;
mod notice;
mod orphans;
mod probe;
pub mod process_table;
mod runtime;
pub mod spec;
pub mod supervised;
mod supervisor;
pub mod sweep;
mod wire;

pub use cleanup_of::{CleanupOf, LastProgress};
pub use handlers::{Cleanup, Context, Failure, Handlers, HandlersError, StopReason};
pub use notice::StopNotice;
pub use runtime::{Contain, Worker, WorkerConfig, WorkerError};
pub use supervised::SUBCOMMAND as SUPERVISE;
pub use supervisor::supervise_main;
pub use wire::{EndCause, Ended, Event, OutputTail, StartError, StartErrorCode, StopSignal};
