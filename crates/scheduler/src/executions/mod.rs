//! Executions: accept, cancel, list, read, tell.

pub(crate) mod cancel;
pub(crate) mod cancel_batch;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod release;
