//! `/tasks`.

mod batch;
mod by_key;
mod cancel;
mod cancel_batch;
mod change;
mod create;
mod families;
mod list;
mod release;
mod wait;
