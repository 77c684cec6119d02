//! Rows of attempts: begun by a claim, closed by a decision, kept for their fence.

mod attempt;
pub(super) mod claim;
pub(super) mod close;
pub(super) mod confirm;
pub(super) mod finish;
pub(super) mod grant;
pub(super) mod read;
pub(super) mod time_out;

pub(super) use attempt::{Name, Running, TABLE, count_running, list_running, name};
