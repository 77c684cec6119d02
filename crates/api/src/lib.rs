//! Wire types of the three surfaces (user, scheduler, worker) and the registry of error codes.
//!
//! Requests refuse unknown fields; what clients read tolerates them.
//! Nothing here decides or performs: a `resolve` only turns text into domain values and names the
//! field that is wrong.
#![warn(missing_docs)]

pub mod batch;
pub mod bindings;
pub mod cancellations;
pub mod errors;
pub mod executions;
pub mod extensions;
pub mod field;
pub mod headers;
pub mod health;
pub mod json;
pub mod latency;
mod object;
pub mod open;
pub mod options;
pub mod page;
pub mod problem;
pub mod queues;
pub mod scheduler;
pub mod schema;
pub mod tasks;
mod tolerant;
pub mod workers;
