//! Queues: what they are told as, and how an operator steers them.

pub(crate) mod list;
pub(crate) mod steer;
