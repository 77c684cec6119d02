//! `/tasks`.

mod batch;
mod by_key;
mod cancel;
mod change;
mod create;
mod families;
mod list;
mod release;
mod wait;
