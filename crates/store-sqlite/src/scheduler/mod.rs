//! The scheduler half: executions, attempts, stops, worker sessions, the keys of creates.

mod attempts;
mod cleanups;
mod codes;
mod executions;
mod families;
mod keys;
mod latency;
mod memory;
mod names;
mod news;
mod queues;
mod retention;
mod sessions;
mod stops;
mod store;
mod turn;

pub(crate) use store::SCHEDULER;
pub use store::SqliteSchedulerStore;

#[cfg(test)]
mod tests;
