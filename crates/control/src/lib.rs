//! TaskPilot, the control plane, as a library: it owns tasks and their bindings, and tells users of
//! executions what the scheduler says.
//!
//! It keeps no execution state and infers none. What may happen to a binding is decided by `domain`,
//! inside the store; here calls are checked, carried to the scheduler, and its answers translated.

mod app;
mod bindings;
mod cancellations;
mod executions;
mod health;
mod http;
mod latency;
mod loops;
mod queues;
mod scheduler;
mod tasks;
mod workers;

pub use app::{App, Config};
pub use http::{openapi, router, routes};
