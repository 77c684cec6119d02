//! `stopsBy` is kept where a worker cannot be reached: cut off, asleep, or without its scheduler.
//!
//! What ran, and until when, is judged by the ledger and by the table of the kernel.

mod asleep;
mod away;
mod cut;
mod handover;
mod promise;
mod work;
