//! Background loops: each is a `tick`, and the driver owns everything around it.

mod driver;

pub use driver::{Loop, Report, Tick, TickError, Wake};
