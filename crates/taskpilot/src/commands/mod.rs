//! Commands that call the control plane.

mod describe;
pub(crate) mod execution;
mod session;
pub(crate) mod task;
mod wait;
pub(crate) mod worker;

pub(crate) use session::{Session, run};
