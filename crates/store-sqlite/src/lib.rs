//! The embedded engine: both storage traits on SQLite.
//!
//! Each service has a database of its own in the data directory, and each database has one writer
//! thread. All statements are in `sql/`, all decisions in `domain`.
#![warn(missing_docs)]

mod checkpoint;
mod committer;
mod control;
mod database;
mod decode;
mod failure;
mod health;
mod job;
mod lock;
mod migrate;
mod open;
mod readers;
mod scheduler;
#[cfg(test)]
mod statements;
mod transaction;

pub use control::SqliteControlStore;
pub use open::OpenError;
pub use scheduler::SqliteSchedulerStore;

/// Both databases may be open in one process.
const _: () = assert!(
    control::CONTROL.caches.total_bytes() + scheduler::SCHEDULER.caches.total_bytes()
        <= taskpilot_domain::limits::PAGE_CACHES_BYTES_MAX
);
