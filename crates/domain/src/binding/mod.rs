//! The binding of a task to an execution: what a task's status allows.

mod status;
mod transition;

pub use status::TaskStatus;
pub use transition::{BindingChange, BindingEvent, advance};
