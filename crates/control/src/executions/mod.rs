//! Executions of tasks: read, listed and canceled at the scheduler, told in our own words.

pub(crate) mod cancel;
pub(crate) mod change;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod release;
pub(crate) mod summaries;
pub(crate) mod view;
