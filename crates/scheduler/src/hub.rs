//! Brings changes to those who wait for them: claims, streams of orders, calls that wait for an
//! execution.
//!
//! A change is a hint and the store the truth: a waiter registers first, then looks, then waits.

mod claims;
mod signals;

use std::sync::Arc;

use taskpilot_domain::ids::{ExecutionId, SessionId};
use taskpilot_domain::names::{Namespace, QueueName, TaskType};
use taskpilot_store::rows::changes::Change;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

pub(crate) use claims::{ClaimSeat, Interest, Look};

use claims::{ClaimQueue, Ready};
use signals::Signals;

/// All who wait.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    claims: Arc<ClaimQueue>,
    orders: Signals<SessionId>,
    executions: Signals<ExecutionId>,
}

impl Hub {
    /// Routes changes until the store is gone.
    pub(crate) async fn route(&self, mut changes: Receiver<Arc<[Change]>>) {
        loop {
            match changes.recv().await {
                Ok(batch) => batch.iter().for_each(|change| self.tell(change)),
                Err(RecvError::Lagged(_)) => self.tell_everybody(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// A place in the queue of claims; an older one of the same session is closed.
    pub(crate) fn wait_for_work(&self, session: SessionId, interest: Interest) -> ClaimSeat {
        ClaimQueue::register(&self.claims, session, interest)
    }

    /// Work is on its way to the store: whoever waits for it may come along. Not more than one does,
    /// and who finds nothing yet waits on. `false` where nobody waits.
    pub(crate) fn expect_work(
        &self,
        namespace: Namespace,
        queue: QueueName,
        kind: TaskType,
    ) -> bool {
        self.claims.expect(Ready {
            namespace,
            queue,
            kind,
        })
    }

    pub(crate) fn waiting_claims(&self) -> usize {
        self.claims.len()
    }

    /// The orders of a session; an older stream of the same session is closed.
    pub(crate) fn replace_orders(&self, session: SessionId) -> watch::Receiver<()> {
        self.orders.replace(session)
    }

    /// The changes of an execution.
    pub(crate) fn watch_execution(&self, id: ExecutionId) -> watch::Receiver<()> {
        self.executions.subscribe(id)
    }

    /// Those who wait for this execution look again: something changed that no store knows.
    pub(crate) fn execution_changed(&self, id: ExecutionId) {
        self.executions.signal(id);
    }

    fn tell(&self, change: &Change) {
        match change {
            Change::Ready {
                namespace,
                queue,
                kind,
            } => {
                let (namespace, queue, kind) = (namespace.clone(), queue.clone(), kind.clone());
                self.claims.wake(Ready {
                    namespace,
                    queue,
                    kind,
                });
            }
            Change::Orders(session) => self.orders.signal(*session),
            Change::Execution(id) => self.executions.signal(*id),
        }
    }

    fn tell_everybody(&self) {
        self.claims.wake_all();
        self.orders.signal_all();
        self.executions.signal_all();
    }
}
