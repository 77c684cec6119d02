//! What is kept long enough is forgotten: history, then the keys of it, then sessions, then counts.

mod forget;
mod history;
mod keys;
mod latency;
mod sessions;

pub(super) use forget::forget;
