//! Handlers: what a worker can run, by type. Commands are declared by the operator; nothing that
//! comes with a task can name a program, an argument that was not declared, or a shell.

mod argv;
mod built_in;
mod code;
mod command;
mod declaration;
mod file;
mod handler;
mod judge;
mod parameters;
mod programs;
mod registry;
mod template;

pub use file::HandlersError;
pub(crate) use handler::{Command, Handler, InProcess, Prepared};
pub use registry::Handlers;
