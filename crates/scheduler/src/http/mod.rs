//! The scheduler's surface: the plain contract, our extensions, the worker protocol.

pub(crate) mod error;
mod executions;
mod health;
mod latency;
mod metrics;
mod queues;
mod routes;
mod session;
mod workers;

pub use routes::{openapi, router, routes};
