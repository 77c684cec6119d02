//! The scheduler over HTTP, on the embedded engine: what each route answers, and who is woken when.
#![cfg(test)]

mod documents;
mod foreign;
mod health;
mod idle;
mod latency;
mod metrics;
mod queues;
mod retention;
mod service;
mod tasks;
mod troubled_store;
mod worker;
mod workers;
