//! What an engine brings so that the contract can be run over it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::control::ControlStore;
use crate::scheduler::SchedulerStore;

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
