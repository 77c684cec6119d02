//! Workers against the real scheduler, and against one that misbehaves on purpose.
#![expect(clippy::unwrap_used, reason = "a failing step is a failing test")]

mod claims;
mod cleanups;
mod containment;
mod functions;
mod handlers;
mod http_handler;
mod leases;
mod lives;
mod notices;
mod orders;
mod reports;
mod results;
mod scheduler;
mod shutdown;
mod stand_in;
mod starts;
mod stops;
mod supervisors;
mod target;
mod worker;
