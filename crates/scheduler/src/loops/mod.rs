//! What happens by itself: leases end, time comes, time is over.

mod all;
mod deadlines;
mod descendants;
mod expire_sessions;
mod forget_history;
mod overdue_stops;
mod promote_due;
mod timeouts;

pub(crate) use all::{start, tick_all};
