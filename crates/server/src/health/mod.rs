//! How a service does: probes as answers, dependencies that are looked at seldom, loops that show
//! that they live.

mod answer;
mod pulse;
mod watch;

pub(crate) use answer::Deliberate;
pub use answer::{Probe, livez};
pub use pulse::Pulses;
pub use watch::Watch;
