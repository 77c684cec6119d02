//! The control half: tasks, their bindings, the keys of their creates.

mod bindings;
mod cancellations;
mod keys;
mod store;
mod tasks;

pub(crate) use store::CONTROL;
pub use store::SqliteControlStore;
