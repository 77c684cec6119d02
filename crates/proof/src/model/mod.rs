//! Scheduler, control plane, two workers and a network that loses, doubles and reorders, as states
//! and steps.
//!
//! What an event does is asked of `domain`; modelled is only what stands around it: guards, claims,
//! keys and tombstones, sessions, memory that a crash forgets. Time is not counted: whatever may
//! happen at some time may happen now, but for what leases promise.

mod actions;
mod bounds;
mod control;
mod family;
mod message;
mod mutation;
mod properties;
mod run;
mod scheduler;
mod scheduler_calls;
mod sessions;
mod sights;
mod starts;
mod steps;
mod worker;
mod worker_calls;
mod world;

pub use bounds::{Bounds, Topic};
pub use mutation::Mutation;
pub use properties::Promise;
pub use run::{Report, check, check_broken};
pub use world::TaskPilot;
