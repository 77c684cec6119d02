//! The embedded engine: both storage traits on SQLite.
//!
//! Each service has a database of its own in the data directory, and each database has one writer
//! thread. All statements are in `sql/`, all decisions in `domain`.
#![warn(missing_docs)]

pub mod backup;
mod checkpoint;
mod committer;
mod control;
mod database;
mod decode;
mod failure;
mod floor;
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
pub use floor::{Floor, FloorItem};
pub use open::{OpenError, library_version};
pub use scheduler::SqliteSchedulerStore;
