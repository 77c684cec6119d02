//! The part of a control store that is about cancels of many.

use async_trait::async_trait;
use taskpilot_domain::ids::CancellationId;
use taskpilot_domain::names::Namespace;
use taskpilot_domain::time::Timestamp;

use crate::StoreError;
use crate::rows::cancellations::{
    CancellationItemFilter, CancellationItemRecord, CancellationRecord, CreateCancellationOutcome,
    DecidedSlice, GiveUpOutcome, Matches, NewCancellation, UndecidedItem,
};

/// What the control plane keeps of cancels of many: what each is about, fixed once, and what became
/// of every item, with the progress in the same transaction. Of executions it keeps no state.
#[async_trait]
pub trait CancellationStore: Send + Sync {
    /// Keeps a cancellation. One of tasks begins `RUNNING`, with its items; one with a filter begins
    /// `MATCHING`, and tasks that are created later are none of its.
    async fn create_cancellation(
        &self,
        now: Timestamp,
        cancellation: NewCancellation,
    ) -> Result<CreateCancellationOutcome, StoreError>;

    /// Reads one.
    async fn get_cancellation(
        &self,
        namespace: &Namespace,
        id: CancellationId,
    ) -> Result<Option<CancellationRecord>, StoreError>;

    /// Lists them, newest first, those below an id where there is one, at most `limit`.
    async fn list_cancellations(
        &self,
        namespace: &Namespace,
        before: Option<CancellationId>,
        limit: u32,
    ) -> Result<Vec<CancellationRecord>, StoreError>;

    /// Lists the items of one by their ids; `None`: there is no such cancellation here.
    async fn list_cancellation_items(
        &self,
        namespace: &Namespace,
        id: CancellationId,
        filter: CancellationItemFilter,
    ) -> Result<Option<Vec<CancellationItemRecord>>, StoreError>;

    /// Those of any namespace for which something is left to do, at most `limit`: those that are due
    /// first, and of these the oldest.
    async fn list_open_cancellations(
        &self,
        limit: u32,
    ) -> Result<Vec<CancellationRecord>, StoreError>;

    /// The first undecided items of one by their ids, at most `limit`: the same ones until some of
    /// them are decided.
    async fn list_undecided(
        &self,
        id: CancellationId,
        limit: u32,
    ) -> Result<Vec<UndecidedItem>, StoreError>;

    /// Keeps a page of what the filter of one holds for. `None`: it is not there any more.
    async fn add_matches(
        &self,
        now: Timestamp,
        id: CancellationId,
        matches: Matches,
    ) -> Result<Option<CancellationRecord>, StoreError>;

    /// Keeps what became of a slice, with the pace of what was decided, and answers the cancellation
    /// as it is then; `None`: there is nothing of it left to do.
    async fn decide_items(
        &self,
        now: Timestamp,
        id: CancellationId,
        slice: DecidedSlice,
    ) -> Result<Option<CancellationRecord>, StoreError>;

    /// Gives one up: no further slice of it is begun.
    async fn give_up_cancellation(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        id: CancellationId,
    ) -> Result<GiveUpOutcome, StoreError>;

    /// Forgets cancellations that were done before `keys_horizon` of `domain`, with their keys, the
    /// oldest first: at most `limit` items, and a cancellation once none is left. Answers how many
    /// rows.
    async fn forget_cancellations(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError>;
}
