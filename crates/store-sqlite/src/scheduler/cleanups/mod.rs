//! Cleanups: who declared one, what is owed, what it is told.

pub(super) mod declare;
pub(super) mod free;
mod kind;
pub(super) mod owe;
pub(super) mod progress;
pub(super) mod read;

pub(super) use kind::{cleanup_of, is_cleanup};
