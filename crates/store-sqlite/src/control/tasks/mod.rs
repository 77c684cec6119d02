//! Rows of tasks: read, written once, changed under their version.

pub(super) mod bound;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod edit;
pub(super) mod list;
mod task;
pub(super) mod withdraw;

pub(super) use list::above_all;
use task::TABLE;
pub(super) use task::{dangling, find, find_in, read_bind_error, save};
