//! The seam between the services and their databases: two traits, their rows, their errors.
//!
//! Nothing of a connection, a transaction or a driver crosses it. One verb is one transaction, and
//! nothing is answered before it is durable.
#![warn(missing_docs)]

pub mod attempts;
pub mod bulk;
pub mod cancellations;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod control;
mod error;
pub mod families;
pub mod lanes;
pub mod latency;
pub mod queues;
pub mod reply;
pub mod rows;
pub mod scheduler;

pub use error::StoreError;
