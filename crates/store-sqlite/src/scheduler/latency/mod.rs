//! How long stops take, counted as they become known.

mod count;
mod list;
mod total;

pub(super) use count::count;
pub(super) use list::list;
pub(super) use total::total;
