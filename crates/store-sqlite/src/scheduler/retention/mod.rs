//! What is kept long enough is forgotten: history, then the keys of it, then sessions.

mod forget;
mod history;
mod keys;
mod sessions;

pub(super) use forget::forget;
