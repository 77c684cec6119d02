//! Rows of executions: what a decision needs of them, and what a decision does to them.

pub(super) mod cancel;
pub(super) mod cancel_batch;
pub(super) mod change;
pub(super) mod create;
pub(super) mod deadlines;
mod execution;
pub(super) mod list;
pub(super) mod promote;
pub(super) mod record;

use execution::standing;
pub(super) use execution::{Found, TABLE, find, get};
