//! What happens by itself: bindings that nobody waits for are driven, old keys are forgotten.

mod all;
mod forget_keys;
mod reconcile;

pub(crate) use all::{start, tick};
