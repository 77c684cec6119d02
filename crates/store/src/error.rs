//! What can go wrong below the seam. Lost races and "not found" are values, never errors.

/// A failure of the store itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The queue before the committer is full; nothing was applied.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The store cannot serve (full disk, failing fsync, shutting down); nothing was applied.
    #[error("the store is unavailable: {detail}")]
    Unavailable {
        /// The cause, for the log.
        detail: String,
    },
    /// A commit was sent and its fate is unknown.
    #[error("the fate of a commit is unknown: {detail}")]
    Unknown {
        /// The cause, for the log.
        detail: String,
    },
    /// A stored value is not what its column promises.
    #[error("corrupt value in {table}.{column} of row {id}")]
    Corrupt {
        /// Where.
        table: &'static str,
        /// Where.
        column: &'static str,
        /// The row.
        id: i64,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Overloaded | Self::Unavailable { .. } | Self::Unknown { .. } => true,
            Self::Corrupt { .. } => false,
        }
    }

    /// Whether the call may have been applied.
    pub fn may_be_applied(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}
