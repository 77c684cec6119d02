//! The contract of both stores as tests: plain async functions that every engine runs.
//!
//! An engine writes a harness and names one macro; each function becomes a test of its own there.
//! A function gets a fresh, empty store and may reopen it.
#![expect(
    missing_docs,
    reason = "the name of a case is the sentence that it holds"
)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::control::ControlStore;
use crate::scheduler::SchedulerStore;

pub mod control;
pub mod scheduler;

/// A fresh control store of one engine.
#[async_trait]
pub trait ControlHarness: Send + Sync {
    /// The store as it is open now; it is shared, so that races can be run.
    fn store(&self) -> Arc<dyn ControlStore>;

    /// Closes the store and opens it again over the same data; earlier handles are dead.
    async fn restart(&mut self);
}

/// A fresh scheduler store of one engine.
#[async_trait]
pub trait SchedulerHarness: Send + Sync {
    /// The store as it is open now; it is shared, so that races can be run.
    fn store(&self) -> Arc<dyn SchedulerStore>;

    /// Closes the store and opens it again over the same data; earlier handles are dead.
    async fn restart(&mut self);

    /// How much the last claim looked at (rows or steps of the engine): it must not grow with the
    /// rows that it could not take.
    fn claim_work(&self) -> u64;
}

/// Turns `service { module: [function, …] … }` into modules of named tests, each over a harness of
/// its own. `$open` names an `async fn() -> impl …Harness` beside the call.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($open:ident; $service:ident { $($module:ident: [$($name:ident),+ $(,)?])+ }) => {$(
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let mut harness = super::$open().await;
                    $crate::conformance::$service::$module::$name(&mut harness).await;
                }
            )+
        }
    )+};
}
