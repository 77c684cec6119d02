//! Storage that fails on command under the real binary.

mod shim;

pub use shim::{Sick, StorageFaults};
