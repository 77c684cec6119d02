//! A network between two real processes that a test can break: request by request, and by halves.

mod exchange;
mod fault;
mod relay;
mod server;

pub use exchange::Exchange;
pub use fault::{Cut, Fault, Route, Rule, Told};
pub use server::Proxy;
