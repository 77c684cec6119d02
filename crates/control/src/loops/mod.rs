//! What happens by itself: bindings that nobody waits for are driven.

mod all;
mod reconcile;

pub(crate) use all::{start, tick};
