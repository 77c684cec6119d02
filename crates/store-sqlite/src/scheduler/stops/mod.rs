//! Rows of stops: how far the end of a stopped attempt has come, and what its worker is told.

pub(super) mod advance;
pub(super) mod open;
pub(super) mod orders;
pub(super) mod overdue;
pub(super) mod release;
pub(super) mod report;

pub(super) use advance::TABLE;
