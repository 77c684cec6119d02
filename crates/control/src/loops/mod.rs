//! What happens by itself: bindings that nobody waits for are driven, cancels of many are carried on,
//! old keys are forgotten.

mod all;
mod cancel_many;
mod forget_keys;
mod reconcile;

pub(crate) use all::{start, tick};
