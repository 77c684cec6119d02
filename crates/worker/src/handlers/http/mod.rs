//! Calls of an operator's URLs as handlers: the target is fixed when the file is read, the address
//! is checked each time before anything is connected to.
//!
//! One connection per call, owned by the call itself: whoever drops the call closes the connection.
//! Nothing is redirected, nothing goes through a proxy, and nothing is tried twice.

mod address;
mod allow;
mod call;
mod connect;
mod declaration;
mod handler;
mod headers;
mod response;
mod target;

pub(super) use allow::{AllowList, HttpSection};
pub(super) use declaration::HttpDeclaration;
pub(crate) use handler::HttpHandler;
