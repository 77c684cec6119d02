//! Copies of databases that are in use, and their return into a directory that is empty.

mod copy;
mod restore;

pub use copy::{DATABASES, copy};
pub use restore::{Restore, RestoreError};
