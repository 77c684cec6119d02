//! Trees of executions: who belongs to whom, and which trees are closed.

pub(super) mod close;
pub(super) mod decide;
pub(super) mod family;

use family::TABLE;
