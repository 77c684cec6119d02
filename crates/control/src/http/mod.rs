//! The user's surface.

mod bindings;
mod cancellations;
pub(crate) mod error;
mod executions;
mod health;
mod latency;
mod queues;
mod routes;
mod tasks;
mod workers;

pub use routes::{openapi, router, routes};
