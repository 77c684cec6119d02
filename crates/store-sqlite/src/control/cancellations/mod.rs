//! Rows of cancellations and their items.

mod cancellation;
pub(super) mod create;
pub(super) mod decide;
pub(super) mod forget;
pub(super) mod list;

pub(super) use cancellation::find_in;
