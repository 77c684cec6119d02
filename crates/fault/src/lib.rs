//! Fault points: the one list of durable steps beside which a test can make a process fail, and what
//! it takes to fail there.
//!
//! Without the feature `points` all of it is nothing: no name, no branch, no state.
#![warn(missing_docs)]

#[cfg(feature = "points")]
mod armed;
#[cfg(feature = "points")]
mod fault;
mod point;
mod step;
mod steps;

#[cfg(feature = "points")]
pub use armed::arm;
#[cfg(feature = "points")]
pub use fault::{Fault, Setting, Unreadable};
pub use point::{Struck, after, around, before, within};
pub use step::Step;
pub use steps::Steps;
