//! How long stops take, counted as they become known.

mod count;
mod list;

pub(super) use count::count;
pub(super) use list::list;
