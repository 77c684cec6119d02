//! The control plane from outside: through its router, on SQLite in a temporary directory, in front
//! of schedulers of every kind.
#![cfg(test)]

mod alarms;
mod cancellations;
mod documents;
mod health;
mod latency;
mod ours;
mod queues;
mod tasks;
mod world;
