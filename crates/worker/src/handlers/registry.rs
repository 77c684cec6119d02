//! The handlers of one worker, by type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use taskpilot_api::workers::{CleanupDeclaration, FailureBody, Grant};

use super::built_in;
use super::cleanup::Cleanup;
use super::context::Context;
use super::file::{self, HandlersError};
use super::function::{Failure, Function};
use super::handler::Handler;

/// What a worker can run, by type. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handlers {
    by_type: Arc<BTreeMap<String, Arc<Handler>>>,
    cleanups: Arc<BTreeMap<String, Cleanup>>,
    /// Types of which nothing runs before the scheduler was asked.
    confirmed: Arc<BTreeSet<String>>,
}

impl Handlers {
    /// The demos: `demo`, `demo-clock`, `demo-slow`, `demo-fail` and `demo-stubborn`.
    pub fn built_in() -> Self {
        Self::of(built_in::all())
    }

    /// The demos, and the handlers of an operator's file (`docs/handlers.md`), which win where a
    /// name is the same. Reads the worker's environment: programs and allow-listed variables are
    /// looked up now.
    pub fn load(path: &Path) -> Result<Self, HandlersError> {
        let mut by_type = built_in::all();
        let declared = file::load(path)?;
        by_type.extend(declared.by_type);
        Ok(Self {
            cleanups: Arc::new(declared.cleanups),
            confirmed: Arc::new(declared.confirmed),
            ..Self::of(by_type)
        })
    }

    /// None, for a worker that runs functions alone.
    pub fn none() -> Self {
        Self::of(BTreeMap::new())
    }

    /// The same with a function for a type; it wins where there is a handler of that name.
    ///
    /// The function watches [`Context::cancellation`]: nothing can end it from outside.
    #[must_use]
    pub fn with<F, Fut, R>(self, kind: &str, function: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
        R: Serialize,
    {
        self.and(kind, Function::of(function))
    }

    /// The same with a function that keeps its thread: one of the 512 that a runtime of tokio has
    /// for such work unless it was told otherwise. A runtime waits for them when it is dropped.
    #[must_use]
    pub fn with_blocking<F, R>(self, kind: &str, function: F) -> Self
    where
        F: Fn(Context) -> Result<R, Failure> + Send + Sync + 'static,
        R: Serialize,
    {
        self.and(kind, Function::of_blocking(function))
    }

    /// The same, where work of a type begins only after the scheduler was asked and has confirmed the
    /// start, whatever handler the type has (`confirm_start = true` in a file): nothing of it begins
    /// after the verdict of a cancel, also where the order to stop is late. It costs a call for each
    /// attempt.
    #[must_use]
    pub fn confirming_start(mut self, kind: &str) -> Self {
        Arc::make_mut(&mut self.confirmed).insert(kind.to_owned());
        self
    }

    /// The same, where each canceled execution of a type is cleaned up after, whatever handler the
    /// type has (`[handler.cleanup]` in a file, which this replaces). A type without a handler is
    /// refused by the worker.
    ///
    /// A cleanup begins once the last attempt has stopped, as far as that can be known, and also where
    /// nothing ever began. It does not ask before it starts.
    #[must_use]
    pub fn cleaning_up(mut self, kind: &str, cleanup: Cleanup) -> Self {
        Arc::make_mut(&mut self.cleanups).insert(kind.to_owned(), cleanup);
        self
    }

    /// Whether a grant waits for a word before it begins. A cleanup is not what a cancel forbids.
    pub(crate) fn confirms_start(&self, grant: &Grant) -> bool {
        grant.cleanup_of.is_none() && self.confirmed.contains(&grant.r#type)
    }

    /// Whether some of them are functions, which nothing encloses.
    pub(crate) fn has_functions(&self) -> bool {
        self.any(|handler| matches!(handler, Handler::Function(_)))
    }

    /// Whether some of them are programs.
    pub(crate) fn has_programs(&self) -> bool {
        self.any(|handler| matches!(handler, Handler::Command(_)))
    }

    fn any(&self, is_meant: impl Fn(&Handler) -> bool) -> bool {
        let cleanups = self.cleanups.values().map(Cleanup::handler);
        let mut all = self.by_type.values().chain(cleanups);
        all.any(|handler| is_meant(handler))
    }

    fn and(mut self, kind: &str, function: Function) -> Self {
        let handler = Arc::new(Handler::Function(function));
        Arc::make_mut(&mut self.by_type).insert(kind.to_owned(), handler);
        self
    }

    /// The types that it has handlers for.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.by_type.keys().map(String::as_str)
    }

    /// What the scheduler is told of the cleanups.
    pub(crate) fn cleanups(&self) -> impl Iterator<Item = CleanupDeclaration> {
        let cleanups = self.cleanups.iter();
        cleanups.map(|(kind, cleanup)| cleanup.declaration(kind))
    }

    /// What runs for a grant, or the failure of its attempt. A cleanup is never done by the handler
    /// of the work itself, nor the other way round.
    pub(crate) fn for_grant(&self, grant: &Grant) -> Result<Arc<Handler>, FailureBody> {
        let kind = &grant.r#type;
        if grant.cleanup_of.is_none() {
            return self.find(kind).ok_or_else(|| FailureBody {
                code: "no_handler".to_owned(),
                message: format!("this worker has no handler for the type {kind}"),
                retryable: true,
            });
        }
        let cleanup = self.cleanups.get(kind).ok_or_else(|| FailureBody {
            code: "no_cleanup".to_owned(),
            message: format!("this worker has declared no cleanup for the type {kind}"),
            retryable: false,
        })?;
        Ok(cleanup.handler().clone())
    }

    pub(crate) fn find(&self, kind: &str) -> Option<Arc<Handler>> {
        self.by_type.get(kind).cloned()
    }

    fn of(by_type: BTreeMap<String, Arc<Handler>>) -> Self {
        Self {
            by_type: Arc::new(by_type),
            cleanups: Arc::default(),
            confirmed: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant(kind: &str, is_cleanup: bool) -> Grant {
        let mut grant = json!({
            "executionId": 1, "attempt": 1, "token": "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
            "type": kind, "payload": null, "reference": null, "queue": "default",
            "attemptCount": 1, "maxAttempts": 1, "attemptTimeoutMs": null, "cancelGraceMs": 10_000,
            "scheduledFor": "2026-01-01T00:00:00.000Z", "deadline": null,
        });
        if is_cleanup {
            grant["cleanupOf"] = json!({"executionId": 7, "attempt": null, "cause": "USER",
                "requestedAt": "2026-01-01T00:00:00.000Z", "requestedBy": "ann", "reason": null,
                "stop": "NOT_NEEDED", "how": null, "progress": null});
        }
        serde_json::from_value(grant).unwrap()
    }

    fn nothing() -> Cleanup {
        Cleanup::by(|_| async { Ok(()) })
    }

    #[test]
    fn a_grant_is_run_by_what_it_is_for_and_by_nothing_else() {
        let handlers = Handlers::none()
            .with("both", |_| async { Ok(()) })
            .with("main", |_| async { Ok(()) })
            .cleaning_up("both", nothing());
        let chosen = |kind, is_cleanup| {
            let chosen = handlers.for_grant(&grant(kind, is_cleanup));
            chosen.map_err(|failure| (failure.code, failure.retryable))
        };
        let is_main = |handler: &Arc<Handler>| Arc::ptr_eq(handler, &handlers.by_type["both"]);
        assert!(chosen("both", false).is_ok_and(|handler| is_main(&handler)));
        assert!(chosen("both", true).is_ok_and(|handler| !is_main(&handler)));
        let refused = |kind, is_cleanup| chosen(kind, is_cleanup).err();
        assert_eq!(
            refused("main", true),
            Some(("no_cleanup".to_owned(), false))
        );
        assert_eq!(
            refused("none", true),
            Some(("no_cleanup".to_owned(), false))
        );
        assert_eq!(
            refused("none", false),
            Some(("no_handler".to_owned(), true))
        );
    }

    #[test]
    fn a_cleanup_does_not_ask_before_it_starts() {
        let handlers = Handlers::none().confirming_start("work");
        assert!(handlers.confirms_start(&grant("work", false)));
        assert!(!handlers.confirms_start(&grant("work", true)));
    }

    #[test]
    fn a_function_that_cleans_up_is_as_little_enclosed_as_any() {
        let demos = Handlers::built_in();
        assert!(!demos.has_functions() && demos.has_programs());
        assert!(demos.cleaning_up("demo", nothing()).has_functions());
        let function = Handlers::none().with("work", |_| async { Ok(()) });
        assert!(function.has_functions() && !function.has_programs());
        let program = Handlers::built_in().find("demo-slow").unwrap();
        let by_program = Cleanup::of(program);
        assert!(function.cleaning_up("work", by_program).has_programs());
    }
}
