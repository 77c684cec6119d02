//! Pure rules of TaskPilot: what may happen to an execution, a stop and a binding, and when.
//!
//! Every function here is a function of (state, event, now) and nothing else.
//! No async, no I/O, no clock, no randomness, no environment: those are arguments.
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod binding;
pub mod cancellation;
pub mod cleanup;
pub mod execution;
pub mod families;
pub mod histogram;
pub mod ids;
pub mod latency;
pub mod lease;
pub mod limits;
pub mod names;
pub mod options;
pub mod queue;
pub mod retention;
pub mod retry;
pub mod slots;
pub mod stop;
pub mod tasks;
pub mod text;
pub mod time;
