//! The life of a worker on one scheduler.
//!
//! One task, the dispatcher, owns the truth of a session: attempts, orders, what is still to be
//! told. Everything that waits (calls, streams, supervisors) runs in loops of its own, which talk
//! with it by messages and decide nothing.

mod attempt_loop;
mod attempts;
mod backoff;
mod beating;
mod claim_loop;
mod claiming;
mod closing;
mod dispatcher;
mod drafts;
mod ending;
mod enroll;
mod feeding;
mod function_loop;
mod heartbeat_loop;
mod link;
mod messages;
mod order_loop;
mod ordering;
mod orders;
mod result_loop;
mod results;
mod session;
mod slots;
mod start_loop;
mod starts;
mod state;
mod stop_loop;
mod stops;
mod teller;
mod worker;

pub use worker::{Contain, Worker, WorkerConfig, WorkerError};
