//! Rows of bindings: what was committed before the scheduler was called.

mod binding;
pub(super) mod cancel;
pub(super) mod intents;
pub(super) mod outcome;
pub(super) mod start;

pub(super) use binding::{are_wanted, delete, find, find_under, get, insert, list_due, of, save};
