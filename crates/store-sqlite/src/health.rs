//! Whether writes are served. After a storage error they are not, until a probe was written.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use taskpilot_store::StoreError;

/// The one place that says whether the store may acknowledge anything.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failure: Mutex<Option<String>>,
}

impl Health {
    /// `Err` from a storage error until it is healed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.lock().as_ref() {
            None => Ok(()),
            Some(cause) => Err(StoreError::Unavailable {
                detail: format!("stopped after a storage error: {cause}"),
            }),
        }
    }

    /// Stops serving writes. The first cause stands.
    pub(crate) fn fail(&self, service: &str, cause: &dyn Display) {
        let mut failure = self.lock();
        if failure.is_none() {
            tracing::error!(service, %cause, "storage error: writes are no longer served");
            *failure = Some(cause.to_string());
        }
    }

    /// Serves writes again, after a probe was committed.
    pub(crate) fn heal(&self, service: &str) {
        if self.lock().take().is_some() {
            tracing::warn!(service, "the storage took a write again: writes are served");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
