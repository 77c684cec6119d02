//! The contract of both stores as tests: plain async functions that every engine runs.
//!
//! An engine writes a harness and names one macro; each function becomes a test of its own there.
//! A function gets a fresh, empty store and may reopen it.
#![expect(
    missing_docs,
    reason = "the name of a case is the sentence that it holds"
)]

pub mod control;
mod harness;
pub mod scheduler;

pub use harness::{ControlHarness, SchedulerHarness};

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
