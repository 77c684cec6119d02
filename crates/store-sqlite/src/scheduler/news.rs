//! What a transaction will have changed for those who wait, each thing once.

use std::collections::HashSet;

use taskpilot_domain::ids::{ExecutionId, SessionId};
use taskpilot_store::rows::changes::Change;

use super::names::Names;
use super::queues::Board;
use crate::failure::Failure;
use crate::transaction::Tx;

/// Collected by number: names are put to it once per commit, not once per row.
#[derive(Debug, Default)]
pub(super) struct News {
    ready: HashSet<(i64, i64)>,
    orders: HashSet<SessionId>,
    executions: Vec<ExecutionId>,
}

impl News {
    /// An execution of this queue and type became claimable.
    pub(super) fn ready(&mut self, queue: i64, kind: i64) {
        self.ready.insert((queue, kind));
    }

    /// Whether anything became claimable, and was not taken since.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// All of these queues and types was taken: nobody is to be woken for it.
    pub(super) fn taken(&mut self, queues: &[i64], kinds: &[i64]) {
        self.ready
            .retain(|(queue, kind)| !(queues.contains(queue) && kinds.contains(kind)));
    }

    /// A session has an order it has not confirmed.
    pub(super) fn orders(&mut self, session: SessionId) {
        self.orders.insert(session);
    }

    /// An execution changed its state or its stop moved.
    pub(super) fn execution(&mut self, id: ExecutionId) {
        self.executions.push(id);
    }

    /// Forgets everything: the transaction was rolled back.
    pub(super) fn clear(&mut self) {
        self.ready.clear();
        self.orders.clear();
        self.executions.clear();
    }

    /// Hands everything to the transaction, which publishes it after its commit.
    pub(super) fn publish(
        &mut self,
        tx: &Tx<'_>,
        names: &mut Names,
        queues: &mut Board,
    ) -> Result<(), Failure> {
        self.ready.extend(queues.take_opened(tx)?);
        for (queue, kind) in self.ready.drain() {
            // Who is woken for it would find nothing; it is told when the queue opens.
            if queues.blocks(queue).is_some() {
                continue;
            }
            let (namespace, queue) = names.queue_of(tx, queue)?;
            tx.publish(Change::Ready {
                namespace: names.namespace_of(tx, namespace)?,
                queue,
                kind: names.kind_of(tx, kind)?,
            });
        }
        for session in self.orders.drain() {
            tx.publish(Change::Orders(session));
        }
        self.executions.sort_unstable();
        self.executions.dedup();
        for id in self.executions.drain(..) {
            tx.publish(Change::Execution(id));
        }
        Ok(())
    }
}
