//! What both services need of HTTP and of time: listener, edge, extractors, problem documents, route
//! table with permissions, principals, loop driver, clock, shutdown.
//!
//! Nothing here knows a task, an execution or a store.
#![warn(missing_docs)]

mod catch;
pub mod clock;
pub mod context;
pub mod edge;
pub mod error;
pub mod extract;
pub mod fingerprint;
pub mod health;
pub mod hosts;
mod json_depth;
pub mod listener;
pub mod loops;
pub mod openapi;
mod patient_stream;
pub mod permission;
pub mod routes;
pub mod settings;
pub mod shutdown;
pub mod steadiness;
pub mod tagged;
pub mod waiting;
