//! What is run after an execution was canceled: by type, declared in the file or by the program that
//! the worker is part of.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use taskpilot_api::workers::CleanupDeclaration;
use taskpilot_domain::limits::{
    CLEANUP_ATTEMPTS_DEFAULT, CLEANUP_TIMEOUT_MS_DEFAULT, MAX_ATTEMPTS_MAX,
};

use super::command::CommandHandler;
use super::context::Context;
use super::function::{Failure, Function};
use super::handler::Handler;

/// What cleans up after canceled executions of a type, and how it may run. Cheap to clone.
///
/// One attempt has a minute, and there are three, unless it says otherwise. What an attempt did may
/// have to be done again: it ends the same however often it begins.
#[derive(Debug, Clone)]
pub struct Cleanup {
    handler: Arc<Handler>,
    timeout_ms: u64,
    max_attempts: u32,
}

/// A `[handler.cleanup]`: a program, and what only a cleanup has.
#[derive(Debug, Deserialize)]
pub(super) struct CleanupSection {
    pub(super) max_attempts: Option<u32>,
    #[serde(flatten)]
    pub(super) rest: toml::Table,
}

impl Cleanup {
    /// By a function, whose [`Context::cleanup_of`] says what it is about. Its payload is that of
    /// the canceled execution.
    pub fn by<F, Fut, R>(function: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
        R: Serialize,
    {
        Self::of(Arc::new(Handler::Function(Function::of(function))))
    }

    /// By a function that keeps its thread, see
    /// [`Handlers::with_blocking`](super::Handlers::with_blocking).
    pub fn by_blocking<F, R>(function: F) -> Self
    where
        F: Fn(Context) -> Result<R, Failure> + Send + Sync + 'static,
        R: Serialize,
    {
        Self::of(Arc::new(Handler::Function(Function::of_blocking(function))))
    }

    /// The same with another limit for one attempt, from a millisecond to thirty days.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// The same with another number of attempts, 1 to 100.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// By a program. The scheduler watches its time, so that its end has a stop record.
    pub(super) fn by_program(
        mut program: CommandHandler,
        max_attempts: Option<u32>,
    ) -> Result<Self, String> {
        let max_attempts = max_attempts.unwrap_or(CLEANUP_ATTEMPTS_DEFAULT);
        if !(1..=MAX_ATTEMPTS_MAX).contains(&max_attempts) {
            return Err(format!("max_attempts is from 1 to {MAX_ATTEMPTS_MAX}"));
        }
        let own = program.timeout_ms.take();
        let timeout_ms = own.unwrap_or(CLEANUP_TIMEOUT_MS_DEFAULT);
        Ok(Self {
            timeout_ms,
            max_attempts,
            ..Self::of(Arc::new(Handler::Command(program)))
        })
    }

    /// What the scheduler is told of it.
    pub(crate) fn declaration(&self, kind: &str) -> CleanupDeclaration {
        CleanupDeclaration {
            r#type: kind.to_owned(),
            timeout_ms: self.timeout_ms,
            max_attempts: self.max_attempts,
        }
    }

    pub(super) fn handler(&self) -> &Arc<Handler> {
        &self.handler
    }

    pub(super) fn of(handler: Arc<Handler>) -> Self {
        Self {
            handler,
            timeout_ms: CLEANUP_TIMEOUT_MS_DEFAULT,
            max_attempts: CLEANUP_ATTEMPTS_DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleanup_has_terms_without_saying_them() {
        let cleanup = Cleanup::by(|_| async { Ok(()) });
        let terms = |cleanup: &Cleanup| {
            let declared = cleanup.declaration("work");
            (declared.r#type, declared.timeout_ms, declared.max_attempts)
        };
        assert_eq!(terms(&cleanup), ("work".to_owned(), 60_000, 3));
        let own = cleanup.timeout(Duration::from_secs(5)).max_attempts(7);
        assert_eq!(terms(&own), ("work".to_owned(), 5_000, 7));
        let endless = own.timeout(Duration::MAX);
        assert_eq!(terms(&endless).1, u64::MAX, "the worker refuses it");
    }
}
