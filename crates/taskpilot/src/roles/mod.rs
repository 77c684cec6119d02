//! The roles that serve: assembly of the libraries, their start and their orderly end.

pub(crate) mod control;
mod retention;
mod role;
pub(crate) mod scheduler;
mod service;
pub(crate) mod up;
pub(crate) mod worker;

use retention::retention;
use role::{announce, block_on, drain_time};
