//! What a scheduler's store does with single attempts at the word of somebody who is not their worker
//! or not done with them.

use async_trait::async_trait;
use taskpilot_domain::ids::Fence;
use taskpilot_domain::time::Timestamp;

use crate::StoreError;
use crate::rows::sessions::{HandInVerdict, SessionGone, SessionRef};
use crate::rows::stops::{ReleaseOutcome, ReleaseRequest};

/// The part of a scheduler's store that is about attempts one by one.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Frees what a stop that failed holds: the slot of its session, its place in its queue and the
    /// way to the next attempt. Its status stands, and the first release does; later facts may still
    /// prove or presume its end, and free nothing a second time.
    async fn release_stuck(
        &self,
        now: Timestamp,
        request: ReleaseRequest,
    ) -> Result<ReleaseOutcome, StoreError>;

    /// Decides which attempts of a session may begin, for handlers that ask before anything of theirs
    /// runs, and keeps that; one verdict per item in their order. A repeat is a duplicate. After the
    /// verdict of a cancel none is told so, also not again. A session whose lease is over at `now`
    /// begins nothing, nor does an attempt of another one.
    async fn confirm_starts(
        &self,
        now: Timestamp,
        session: SessionRef,
        fences: Vec<Fence>,
    ) -> Result<Result<Vec<HandInVerdict>, SessionGone>, StoreError>;
}
