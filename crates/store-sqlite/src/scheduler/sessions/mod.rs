//! Rows of worker sessions: who may act, and what a session leaves when it ends.

pub(super) mod end;
pub(super) mod heartbeat;
pub(super) mod list;
pub(super) mod register;
mod session;

pub(super) use session::{Session, TABLE, find, known};
