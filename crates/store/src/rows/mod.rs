//! Neutral rows: what both engines read and write, in the words of `domain`.

pub mod attempts;
pub mod bindings;
pub mod cancellations;
pub mod cancels;
pub mod changes;
pub mod executions;
pub mod keys;
pub mod latency;
pub mod queues;
pub mod sessions;
pub mod stops;
pub mod tasks;
