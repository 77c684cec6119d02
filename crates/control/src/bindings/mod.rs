//! Bindings: from the wish to bind a task to its one execution, whatever fails on the way.

pub(crate) mod backoff;
pub(crate) mod bind;
pub(crate) mod carry_out;
pub(crate) mod drive;
pub(crate) mod flights;
pub(crate) mod judge;
mod outcome;
pub(crate) mod parent;
pub(crate) mod request;
pub(crate) mod together;
