//! Commands that call the control plane, and those that need no server.

mod archive;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod cancellation;
pub(crate) mod completions;
pub(crate) mod config;
mod describe;
pub(crate) mod execution;
pub(crate) mod latency;
pub(crate) mod queue;
pub(crate) mod restore;
mod session;
pub(crate) mod task;
mod wait;
pub(crate) mod worker;

pub(crate) use session::{Session, run};
