//! Executions: accept, cancel, tell.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod describe;
