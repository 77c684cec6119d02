//! How long stops take, counted as they become known.

mod count;
mod list;
mod open;
mod total;

pub(super) use count::count;
pub(super) use list::list;
pub(super) use open::open;
pub(super) use total::total;
