//! What a command can fail with, and which failures mean that the storage is not to be trusted.

use rusqlite::ErrorCode;
use taskpilot_store::StoreError;

/// Why a command came to nothing. Its transaction is rolled back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine refused.
    Sql(rusqlite::Error),
    /// A stored value is not what its column promises.
    Corrupt {
        table: &'static str,
        column: &'static str,
        id: i64,
    },
    /// The code of the command panicked.
    Panicked,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    /// Whether it comes from below the engine: then nothing may be acknowledged any more.
    pub(crate) fn is_storage(&self) -> bool {
        match self {
            Self::Sql(error) => is_storage(error),
            Self::Corrupt { .. } | Self::Panicked => false,
        }
    }

    /// What the caller is told: nothing was applied.
    pub(crate) fn into_store_error(self) -> StoreError {
        match self {
            Self::Sql(error) => StoreError::Unavailable {
                detail: error.to_string(),
            },
            Self::Corrupt { table, column, id } => StoreError::Corrupt { table, column, id },
            Self::Panicked => StoreError::Unavailable {
                detail: "a command of the store panicked".into(),
            },
        }
    }
}

/// Whether the disk, the memory or the file itself failed.
pub(crate) fn is_storage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::NoLargeFileSupport
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// What the callers of a failed COMMIT are told.
///
/// A full disk never wrote the commit frame, and a busy one never began: both applied nothing.
/// After anything else, a failing fsync first of all, a crash may still bring the commit back.
pub(crate) fn commit_error(error: &rusqlite::Error) -> StoreError {
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => StoreError::Unavailable { detail },
        _ => StoreError::Unknown { detail },
    }
}
