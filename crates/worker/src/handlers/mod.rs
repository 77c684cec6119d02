//! Handlers: what a worker can run, by type. Commands and calls are declared by the operator, and
//! functions by the program that the worker is part of; nothing that comes with a task can name a
//! program, an argument that was not declared, a shell, or the target of a call.

mod argv;
mod built_in;
mod cleanup;
mod code;
mod command;
mod context;
mod declaration;
mod file;
mod function;
mod handler;
mod http;
mod judge;
mod parameters;
mod programs;
mod registry;
mod template;

pub use cleanup::Cleanup;
pub use context::{Context, StopReason};
pub(crate) use context::{Halt, Progress, ProgressCell};
pub use file::HandlersError;
pub use function::Failure;
pub(crate) use function::{Function, Returned};
pub(crate) use handler::{Command, Handler, InProcess, Prepared};
pub use registry::Handlers;
