//! Cancels of many executions at once, as the scheduler decides them.

use std::sync::Arc;

use taskpilot_domain::cancellation::CancellationOutcome;
use taskpilot_domain::execution::State;
use taskpilot_domain::ids::ExecutionId;
use taskpilot_domain::names::{Namespace, PrincipalName};
use taskpilot_domain::time::Timestamp;

/// A wish to cancel many.
#[derive(Debug, Clone)]
pub struct CancelBatch {
    /// Whose world.
    pub namespace: Namespace,
    /// Who.
    pub actor: PrincipalName,
    /// Why.
    pub reason: Option<String>,
    /// What names the wish: what is asked once more under this name, by the same actor and for the same
    /// reason, is not another request to those that are canceled.
    pub request_id: Option<String>,
    /// The states in which an execution is meant; `None`: whatever is not final. In none of an
    /// empty list nothing is canceled, and each is only told.
    pub states: Option<Arc<[State]>>,
    /// What the actor canceled since then for the same reason was canceled by this very wish, whose
    /// answer was lost.
    pub since: Option<Timestamp>,
    /// Until when it may be decided; later nothing is canceled, and each is only told.
    pub not_after: Option<Timestamp>,
    /// What.
    pub items: Vec<CancelItem>,
}

/// One of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelItem {
    /// Its id.
    pub id: ExecutionId,
    /// The reference it must have; one that has another is missing.
    pub reference: Option<String>,
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanceledBatch {
    /// When: no later cancel has an earlier stamp.
    pub decided_at: Timestamp,
    /// One per item in their order.
    pub outcomes: Vec<CancellationOutcome>,
}
