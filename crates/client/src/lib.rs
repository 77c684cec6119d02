//! HTTP client of the three surfaces: tasks for users, executions for the control plane, sessions
//! for workers.
#![warn(missing_docs)]

mod budget;
mod error;
mod pace;
mod query;
pub mod scheduler;
mod stream;
pub mod tasks;
pub mod transport;
pub mod workers;

pub use error::ClientError;
pub use stream::{Events, StreamEvent};
