//! Harness of the end-to-end tests: it starts the real binary, and judges it from outside.
//!
//! It uses nothing of the product: what it knows of the wire is the contract, so that a mistake in
//! our own client cannot hide one in our own services.

pub mod console;
pub mod flood;
pub mod http;
mod http1;
pub mod ledger;
pub mod ports;
pub mod process_table;
pub mod proxy;
pub mod run;
pub mod stand_in;
pub mod storage;

pub mod taskpilot;
pub mod wait;
pub mod workbench;
