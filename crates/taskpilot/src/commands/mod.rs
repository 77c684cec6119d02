//! Commands that call the control plane, and those that need no server.

pub(crate) mod completions;
pub(crate) mod config;
mod describe;
pub(crate) mod execution;
mod session;
pub(crate) mod task;
mod wait;
pub(crate) mod worker;

pub(crate) use session::{Session, run};
