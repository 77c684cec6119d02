//! The supervisor against real process trees: each test sees the end itself, in `/proc`.
#![expect(clippy::unwrap_used, reason = "a failing step is a failing test")]

#[macro_use]
mod levels;

mod ends;
mod groups;
mod leases;
mod lives;
mod pipes;
mod starts;
mod trees;
mod world;
