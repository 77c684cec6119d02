//! The handlers of one worker, by type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::built_in;
use super::context::Context;
use super::file::{self, HandlersError};
use super::function::{Failure, Function};
use super::handler::Handler;

/// What a worker can run, by type. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handlers {
    by_type: Arc<BTreeMap<String, Arc<Handler>>>,
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

    pub(crate) fn confirms_start(&self, kind: &str) -> bool {
        self.confirmed.contains(kind)
    }

    /// Whether some of them are functions, which nothing encloses.
    pub(crate) fn has_functions(&self) -> bool {
        let mut all = self.by_type.values();
        all.any(|handler| matches!(**handler, Handler::Function(_)))
    }

    /// Whether some of them are programs.
    pub(crate) fn has_programs(&self) -> bool {
        let mut all = self.by_type.values();
        all.any(|handler| matches!(**handler, Handler::Command(_)))
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

    pub(crate) fn find(&self, kind: &str) -> Option<Arc<Handler>> {
        self.by_type.get(kind).cloned()
    }

    fn of(by_type: BTreeMap<String, Arc<Handler>>) -> Self {
        Self {
            by_type: Arc::new(by_type),
            confirmed: Arc::default(),
        }
    }
}
