//! `/tasks`.

mod batch;
mod by_key;
mod cancel;
mod change;
mod create;
mod list;
mod wait;
