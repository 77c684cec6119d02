//! The scheduler, the execution plane, as a library: it owns executions, attempts, stops and worker
//! sessions, and knows of tasks no more than an opaque reference.
//!
//! What an event does is decided by `domain`, inside the store. Here calls are checked, joined with
//! those who wait, and put into words.

mod app;
mod executions;
mod health;
mod http;
mod hub;
mod latency;
mod loops;
mod metrics;
mod outages;
mod progress;
mod queues;
mod secrets;
mod sessions;

pub use app::{App, Config};
pub use http::{openapi, router, routes};
