//! End-to-end tests: the real binary as separate processes on ports of their own, judged from
//! outside by the contract.

mod about;
mod api;
mod backup;
mod bad_input;
mod bench;
mod binding;
mod bounds;
mod cancel_table;
mod cancel_waits;
mod cancellations;
mod cleanups;
mod command_line;
mod containment;
#[cfg(feature = "fault-points")]
mod crash_points;
mod documents;
mod every_state;
mod families;
mod faults;
mod fleet;
mod health;
mod histories;
mod idempotency;
mod leases;
mod listener;
mod lists;
mod metrics;
mod outage;
mod overload;
mod plain_scheduler;
mod queues;
mod releases;
mod restart;
mod settings;
mod shell_worker;
mod shutdown;
mod start;
mod storage;
mod terminal;
mod translation;
mod tree_waits;
mod trees;
mod views;
mod waiting;
