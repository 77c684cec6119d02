//! `/tasks`.

mod batch;
mod by_key;
mod cancel;
mod create;
mod list;
mod wait;
