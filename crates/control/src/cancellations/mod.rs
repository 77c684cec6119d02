//! Cancellations: cancels of many. What one is about is fixed first, then decided slice by slice.

pub(crate) mod carry_on;
pub(crate) mod create;
pub(crate) mod describe;
pub(crate) mod dry_run;
pub(crate) mod give_up;
pub(crate) mod list;
mod matching;
pub(crate) mod read;
mod settle;
mod singly;
mod slice;
