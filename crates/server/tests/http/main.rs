//! The server through real sockets: what a client sees when it, or a handler, misbehaves.

mod bodies;
mod connections;
mod edge;
mod routes;
#[cfg(test)]
mod service;
