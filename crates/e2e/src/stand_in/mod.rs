//! A stand-in for the scheduler that misbehaves on command and remembers what it was sent.

mod manner;
mod plain;
mod seen;
mod serve;
mod server;

pub use manner::{Manner, Says};
pub use seen::Seen;
pub use server::StandIn;
