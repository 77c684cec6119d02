//! Worker sessions: register, claim, hand in, report stops, live, hear orders, say goodbye.

pub(crate) mod claim;
pub(crate) mod convert;
pub(crate) mod heartbeat;
pub(crate) mod known;
pub(crate) mod orders;
pub(crate) mod register;
pub(crate) mod report;
