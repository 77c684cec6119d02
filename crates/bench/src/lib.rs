//! Measures a TaskPilot from outside, over the surfaces that everybody has, and against the floor of
//! the storage below it.
//!
//! [`BenchArgs`] is the command line of `taskpilot bench`; [`run()`] gives a [`Report`].
#![warn(missing_docs)]

mod all;
mod arguments;
mod bodies;
mod cancel;
mod clock;
mod connection;
mod curve;
mod dispatch;
mod drain;
mod floor;
mod handler;
mod hold;
mod latency;
mod lifecycle;
mod load;
mod machine;
mod marks;
mod memory;
mod page;
mod plot;
mod process;
mod readable;
mod report;
mod run;
mod service;
mod session;
#[cfg(test)]
mod stand_in;
mod target;

pub use arguments::{BenchArgs, Format};
pub use handler::{HANDLER, handler_main};
pub use report::Report;
pub use run::run;
pub use service::{SERVICE, end_with};
